"""PostgreSQL and MariaDB refuse to run as root; then they run as an account without privileges."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path


class Account(NamedTuple):
    """Whom a server runs as."""

    user: int
    group: int

    def own(self, path: Path) -> None:
        """Give it a file or a folder of ours."""
        os.chown(path, self.user, self.group)


def account_for_servers() -> Account | None:
    """Return None when this process is not root: a server then runs as ourselves."""
    if os.geteuid() != 0:
        return None
    import pwd

    others = [entry for entry in pwd.getpwall() if entry.pw_uid]
    nobody = min(others, key=lambda entry: entry.pw_name != "nobody", default=None)
    # initdb looks its own account up, so that a bare number would not do.
    return Account(nobody.pw_uid, nobody.pw_gid) if nobody else Account(65534, 65534)


def can_reach(path: Path, account: Account | None) -> bool:
    """Tell whether the account may walk down to this path (root's home is often closed)."""
    if account is None:
        return True
    for folder in (path, *path.parents):
        status = folder.stat()
        owned = status.st_uid == account.user and status.st_mode & 0o100
        if not owned and not status.st_mode & 0o001:
            return False
    return True
