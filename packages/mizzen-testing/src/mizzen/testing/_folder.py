"""Folders that servers write to: private, reachable for their account, gone after the run."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from ._account import can_reach
from ._errors import ServerFailed
from ._guard import guard

if TYPE_CHECKING:
    from ._account import Account


MEMORY = "/dev/shm"  # noqa: S108
ROOM = 2 << 30  # with all that the tests write, a server's folder has some hundred megabytes


def make_folder(kind: str, account: Account | None, *, programs: bool = False) -> Path:
    """Make an empty folder that only the account can read; the guard knows of it.

    Data, not programs, lie in memory where there is room: a new PostgreSQL database is 300 files,
    which are made there in a fifth of the time.
    """
    memory = [] if programs else roomy_memory()
    for parent in dict.fromkeys([*memory, tempfile.gettempdir(), "/tmp", "/var/tmp"]):  # noqa: S108
        if os.access(parent, os.W_OK) and can_reach(Path(parent), account):
            break
    else:
        raise ServerFailed("No temporary folder can be reached by the server; set TMPDIR to one.")
    folder = Path(tempfile.mkdtemp(prefix=f"mizzen-{kind}-", dir=parent))
    guard.watch_folder(folder)
    if account is not None:
        account.own(folder)
    return folder


def roomy_memory() -> list[str]:
    """Return the file system in memory, unless TMPDIR says where to write or room is scarce."""
    if os.environ.get("TMPDIR") or not os.path.isdir(MEMORY):
        return []
    status = os.statvfs(MEMORY)
    return [MEMORY] if status.f_bavail * status.f_frsize >= ROOM else []


def remove_folder(folder: Path) -> None:
    """Remove it now; a file that a dying server still writes is no reason to fail."""
    shutil.rmtree(folder, ignore_errors=True)
    if not folder.exists():
        guard.forget(folder)


def cache_folder() -> Path | None:
    """Return our folder in the user's cache, private to the user; None where none can be made."""
    chosen = os.environ.get("MIZZEN_TEST_CACHE")
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    folder = Path(chosen) if chosen else Path(base).expanduser() / "mizzen-testing"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = folder.stat()
    except (OSError, RuntimeError):
        return None
    private = status.st_uid == os.geteuid() and not status.st_mode & 0o022
    return folder if private and os.access(folder, os.W_OK) else None
