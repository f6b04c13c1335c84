"""A user as the app sees it, and as a store keeps it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime  # noqa: TC003  (dataclass fields are read at run time)


@dataclass(frozen=True, slots=True)
class User:
    """Somebody who registered. Holds no secret, so it may be shown, logged and serialised."""

    id: str
    email: str | None
    username: str | None
    name: str
    created_at: datetime
    disabled_at: datetime | None = None

    @property
    def disabled(self) -> bool:
        """Whether this user is kept from logging in."""
        return self.disabled_at is not None


@dataclass(frozen=True, slots=True, repr=False)
class StoredUser:
    """A user with what only the store and the login may see.

    `email_key` and `username_key` are the normalised forms that are unique. `epoch` grows when the
    password changes or the user is disabled: a login that began before can't open a session after.
    """

    user: User
    email_key: str | None
    username_key: str | None
    password_hash: str
    epoch: int = 0

    def __repr__(self) -> str:
        return f"<mizzen.auth.StoredUser {self.user.id}>"
