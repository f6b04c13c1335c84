"""What a user store and a password hasher must offer, to be used by `Auth`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ._sessions import StoredSession
    from ._users import StoredUser

__all__ = ["Hasher", "UserStore"]


class Hasher(Protocol):
    """Turns passwords into hashes. Its methods may block: they are called in threads."""

    def hash(self, password: str) -> str:
        """Return an encoded, salted hash."""
        ...

    def verify(self, encoded: str, password: str) -> bool:
        """Tell whether the password made this hash; never raises for an unreadable one."""
        ...

    def outdated(self, encoded: str) -> bool:
        """Tell whether the hash should be made anew at the next login."""
        ...

    def decoy(self) -> str:
        """Return a hash no password matches, as costly to verify as a real one; cheap to make."""
        ...


class UserStore(Protocol):
    """Keeps users and sessions; every method is one atomic step. Times are epoch seconds.

    The promises are tests: `mizzen.auth.testing.UserStoreContract`.
    """

    async def start(self) -> None:
        """Open, and create or upgrade the tables; safe when two processes do it at once."""
        ...

    async def aclose(self) -> None:
        """Close; idempotent."""
        ...

    async def ping(self) -> None:
        """Answer, or raise `StoreError`."""
        ...

    async def keep(self, name: str, value: str) -> str:
        """Keep a value unless one is there; return the one that is kept."""
        ...

    async def add_user(self, record: StoredUser) -> None:
        """Add a user, or raise `AlreadyRegistered` with the field that is taken."""
        ...

    async def user(self, user_id: str) -> StoredUser | None:
        """Return the user with this id."""
        ...

    async def find_user(self, field: str, key: str) -> StoredUser | None:
        """Return the user whose `email` or `username` key this is."""
        ...

    async def users(self, limit: int) -> list[StoredUser]:
        """Return the newest users, newest first."""
        ...

    async def replace_hash(self, user_id: str, old: str, new: str) -> bool:
        """Write a better hash of the same password, unless the hash has changed meanwhile."""
        ...

    async def set_password(
        self, user_id: str, new: str, *, epoch: int | None, keep_session: str | None
    ) -> bool:
        """Change the password and end all sessions but one, unless the user is past `epoch`."""
        ...

    async def set_disabled(self, user_id: str, at: float | None) -> bool:
        """Disable a user and end all sessions, or enable again; False if there is no such user."""
        ...

    async def add_session(self, record: StoredSession, epoch: int) -> bool:
        """Add a session, unless the user is disabled or past that epoch."""
        ...

    async def session(self, session_id: str) -> tuple[StoredSession, StoredUser] | None:
        """Return a session with its user."""
        ...

    async def sessions(
        self, user_id: str | None, limit: int
    ) -> list[tuple[StoredSession, StoredUser]]:
        """Return the sessions of a user (or of all), the last used first."""
        ...

    async def drop_session(self, session_id: str) -> bool:
        """End one session; False if it was not there."""
        ...

    async def drop_sessions(self, user_id: str, *, keep_session: str | None) -> int:
        """End the sessions of a user, but one; return how many ended."""
        ...

    async def touch(self, used: Mapping[str, float]) -> None:
        """Note when sessions were last used; a time never moves back."""
        ...

    async def purge(self, now: float, idle_since: float) -> int:
        """Forget sessions that have expired or were idle since; return how many."""
        ...
