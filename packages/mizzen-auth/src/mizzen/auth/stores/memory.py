"""Users and sessions in this process: for notebooks and tests, gone with it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from mizzen.auth._errors import AlreadyRegistered
from mizzen.auth._units import moment

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mizzen.auth._sessions import StoredSession
    from mizzen.auth._users import StoredUser

__all__ = ["MemoryStore"]


class MemoryStore:
    """Dictionaries. No method awaits, so each is one step on the loop."""

    def __init__(self) -> None:
        self._kept: dict[str, str] = {}
        self._users: dict[str, StoredUser] = {}
        self._ids: dict[tuple[str, str], str] = {}
        self._sessions: dict[str, StoredSession] = {}

    async def start(self) -> None:
        """Nothing to open; what was kept before `aclose()` is still there."""

    async def aclose(self) -> None:
        """Nothing to close."""

    async def ping(self) -> None:
        """Memory always answers."""

    async def keep(self, name: str, value: str) -> str:
        """Keep a value unless one is there; return the one that is kept."""
        return self._kept.setdefault(name, value)

    async def add_user(self, record: StoredUser) -> None:
        """Add a user, or raise `AlreadyRegistered` with the field that is taken."""
        keys = [(f, key) for f, key in _keys(record) if key is not None]
        for field, key in keys:
            if (field, key) in self._ids:
                raise AlreadyRegistered(f"That {field} is already registered.", field=field)
        self._users[record.user.id] = record
        self._ids.update({(field, key): record.user.id for field, key in keys})

    async def user(self, user_id: str) -> StoredUser | None:
        """Return the user with this id."""
        return self._users.get(user_id)

    async def find_user(self, field: str, key: str) -> StoredUser | None:
        """Return the user whose `email` or `username` key this is."""
        return self._users.get(self._ids.get((field, key), ""))

    async def users(self, limit: int) -> list[StoredUser]:
        """Return the newest users, newest first."""
        return list(reversed(self._users.values()))[:limit]

    async def replace_hash(self, user_id: str, old: str, new: str) -> bool:
        """Write a better hash of the same password, unless the hash has changed meanwhile."""
        found = self._users.get(user_id)
        if found is None or found.password_hash != old:
            return False
        self._users[user_id] = replace(found, password_hash=new)
        return True

    async def set_password(
        self, user_id: str, new: str, *, epoch: int | None, keep_session: str | None
    ) -> bool:
        """Change the password and end all sessions but one, unless the user is past `epoch`."""
        found = self._users.get(user_id)
        if found is None or epoch not in (None, found.epoch):
            return False
        self._users[user_id] = replace(found, password_hash=new, epoch=found.epoch + 1)
        await self.drop_sessions(user_id, keep_session=keep_session)
        return True

    async def set_disabled(self, user_id: str, at: float | None) -> bool:
        """Disable a user and end all sessions, or enable again; False if there is no such user."""
        found = self._users.get(user_id)
        if found is None:
            return False
        user = replace(found.user, disabled_at=None if at is None else moment(at))
        self._users[user_id] = replace(found, user=user, epoch=found.epoch + 1)
        await self.drop_sessions(user_id, keep_session=None)
        return True

    async def add_session(self, record: StoredSession, epoch: int) -> bool:
        """Add a session, unless the user is disabled or past that epoch."""
        owner = self._users.get(record.user_id)
        if owner is None or owner.user.disabled or owner.epoch != epoch:
            return False
        self._sessions[record.id] = record
        return True

    async def session(self, session_id: str) -> tuple[StoredSession, StoredUser] | None:
        """Return a session with its user."""
        found = self._sessions.get(session_id)
        return (found, self._users[found.user_id]) if found else None

    async def sessions(
        self, user_id: str | None, limit: int
    ) -> list[tuple[StoredSession, StoredUser]]:
        """Return the sessions of a user (or of all), the last used first."""
        found = [s for s in self._sessions.values() if user_id in (None, s.user_id)]
        found.sort(key=lambda s: (s.last_used_at, s.id), reverse=True)
        return [(s, self._users[s.user_id]) for s in found[:limit]]

    async def drop_session(self, session_id: str) -> bool:
        """End one session; False if it was not there."""
        return self._sessions.pop(session_id, None) is not None

    async def drop_sessions(self, user_id: str, *, keep_session: str | None) -> int:
        """End the sessions of a user, but one; return how many ended."""
        return self._drop(lambda s: s.user_id == user_id and s.id != keep_session)

    async def touch(self, used: Mapping[str, float]) -> None:
        """Note when sessions were last used; a time never moves back."""
        for session_id, at in used.items():
            found = self._sessions.get(session_id)
            if found is not None and found.last_used_at < at:
                self._sessions[session_id] = replace(found, last_used_at=at)

    async def purge(self, now: float, idle_since: float) -> int:
        """Forget sessions that have expired or were idle since; return how many."""
        return self._drop(lambda s: s.expires_at <= now or s.last_used_at <= idle_since)

    def _drop(self, ended: Callable[[StoredSession], bool]) -> int:
        gone = [session_id for session_id, found in self._sessions.items() if ended(found)]
        for session_id in gone:
            del self._sessions[session_id]
        return len(gone)


def _keys(record: StoredUser) -> tuple[tuple[str, str | None], ...]:
    return (("email", record.email_key), ("username", record.username_key))
