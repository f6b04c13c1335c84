"""What the SQL stores share: the tables, and each promise as one short transaction.

The statements are written with `?`; they run alike on SQLite (3.35 or newer) and on PostgreSQL.
A store brings `_read` and `_write`, which run such a piece of work in a thread of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from mizzen.auth._errors import AlreadyRegistered
from mizzen.auth._sessions import StoredSession
from mizzen.auth._units import moment
from mizzen.auth._users import StoredUser, User

if TYPE_CHECKING:
    from collections.abc import Mapping

T = TypeVar("T")
Row = tuple[Any, ...]
Execute = Callable[[str, Sequence[object]], list[Row]]

TABLES = (
    "CREATE TABLE IF NOT EXISTS auth_value (name TEXT PRIMARY KEY, value TEXT NOT NULL)",
    """CREATE TABLE IF NOT EXISTS auth_user (
        id TEXT PRIMARY KEY,
        email TEXT, email_key TEXT UNIQUE,
        username TEXT, username_key TEXT UNIQUE,
        name TEXT NOT NULL,
        password_hash TEXT NOT NULL,
        epoch INTEGER NOT NULL,
        created_at DOUBLE PRECISION NOT NULL,
        disabled_at DOUBLE PRECISION)""",
    "CREATE INDEX IF NOT EXISTS auth_user_created_at ON auth_user (created_at)",
    """CREATE TABLE IF NOT EXISTS auth_session (
        id TEXT PRIMARY KEY,
        user_id TEXT NOT NULL REFERENCES auth_user (id) ON DELETE CASCADE,
        created_at DOUBLE PRECISION NOT NULL,
        expires_at DOUBLE PRECISION NOT NULL,
        last_used_at DOUBLE PRECISION NOT NULL,
        address TEXT NOT NULL,
        device TEXT NOT NULL)""",
    "CREATE INDEX IF NOT EXISTS auth_session_user_id ON auth_session (user_id)",
    "CREATE INDEX IF NOT EXISTS auth_session_last_used_at ON auth_session (last_used_at)",
)
USER = (
    "u.id, u.email, u.username, u.name, u.created_at, u.disabled_at,"
    " u.email_key, u.username_key, u.password_hash, u.epoch"
)
SESSION = "s.id, s.user_id, s.created_at, s.expires_at, s.last_used_at, s.address, s.device"


class SQLStore:
    """The promises of a user store, on top of `_read` and `_write`."""

    # PostgreSQL: a login that runs beside a password change waits for it, and then sees it.
    hold_row = ""

    async def _read(self, work: Callable[[Execute], T]) -> T:
        raise NotImplementedError

    async def _write(self, work: Callable[[Execute], T]) -> T:
        raise NotImplementedError

    async def ping(self) -> None:
        """Answer, or raise `StoreError`."""
        await self._read(lambda run: run("SELECT 1 FROM auth_value LIMIT 1", ()))

    async def keep(self, name: str, value: str) -> str:
        """Keep a value unless one is there; return the one that is kept."""

        def keep_first(run: Execute) -> str:
            run("INSERT INTO auth_value VALUES (?, ?) ON CONFLICT DO NOTHING", (name, value))
            return str(run("SELECT value FROM auth_value WHERE name = ?", (name,))[0][0])

        return await self._write(keep_first)

    async def add_user(self, record: StoredUser) -> None:
        """Add a user, or raise `AlreadyRegistered` with the field that is taken."""
        user = record.user
        row = (user.id, user.email, record.email_key, user.username, record.username_key, user.name)
        values = (*row, record.password_hash, record.epoch, user.created_at.timestamp(), None)

        def insert(run: Execute) -> str | None:
            added = run(
                "INSERT INTO auth_user VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
                " ON CONFLICT DO NOTHING RETURNING id",
                values,
            )
            if added:
                return None
            same = run("SELECT 1 FROM auth_user WHERE email_key = ?", (record.email_key,))
            return "email" if same else "username"

        if (field := await self._write(insert)) is not None:
            raise AlreadyRegistered(f"That {field} is already registered.", field=field)

    async def user(self, user_id: str) -> StoredUser | None:
        """Return the user with this id."""
        query = f"SELECT {USER} FROM auth_user u WHERE u.id = ?"  # noqa: S608
        rows = await self._read(lambda run: run(query, (user_id,)))
        return _user(rows[0]) if rows else None

    async def find_user(self, field: str, key: str) -> StoredUser | None:
        """Return the user whose `email` or `username` key this is."""
        column = {"email": "email_key", "username": "username_key"}[field]
        query = f"SELECT {USER} FROM auth_user u WHERE u.{column} = ?"  # noqa: S608
        rows = await self._read(lambda run: run(query, (key,)))
        return _user(rows[0]) if rows else None

    async def users(self, limit: int) -> list[StoredUser]:
        """Return the newest users, newest first."""
        query = f"SELECT {USER} FROM auth_user u ORDER BY u.created_at DESC, u.id LIMIT ?"  # noqa: S608
        return [_user(row) for row in await self._read(lambda run: run(query, (limit,)))]

    async def replace_hash(self, user_id: str, old: str, new: str) -> bool:
        """Write a better hash of the same password, unless the hash has changed meanwhile."""
        change = (
            "UPDATE auth_user SET password_hash = ? WHERE id = ? AND password_hash = ? RETURNING id"
        )
        return bool(await self._write(lambda run: run(change, (new, user_id, old))))

    async def set_password(
        self, user_id: str, new: str, *, epoch: int | None, keep_session: str | None
    ) -> bool:
        """Change the password and end all sessions but one, unless the user is past `epoch`."""

        def change(run: Execute) -> bool:
            still = "" if epoch is None else " AND epoch = ?"
            changed = run(
                "UPDATE auth_user SET password_hash = ?, epoch = epoch + 1"  # noqa: S608
                f" WHERE id = ?{still} RETURNING id",
                (new, user_id) if epoch is None else (new, user_id, epoch),
            )
            if changed:
                _drop_sessions(run, user_id, keep_session)
            return bool(changed)

        return await self._write(change)

    async def set_disabled(self, user_id: str, at: float | None) -> bool:
        """Disable a user and end all sessions, or enable again; False if there is no such user."""

        def change(run: Execute) -> bool:
            changed = run(
                "UPDATE auth_user SET disabled_at = ?, epoch = epoch + 1 WHERE id = ? RETURNING id",
                (at, user_id),
            )
            _drop_sessions(run, user_id, None)
            return bool(changed)

        return await self._write(change)

    async def add_session(self, record: StoredSession, epoch: int) -> bool:
        """Add a session, unless the user is disabled or past that epoch."""

        def insert(run: Execute) -> bool:
            owner = run(
                "SELECT id FROM auth_user"  # noqa: S608
                f" WHERE id = ? AND epoch = ? AND disabled_at IS NULL{self.hold_row}",
                (record.user_id, epoch),
            )
            if owner:
                run("INSERT INTO auth_session VALUES (?, ?, ?, ?, ?, ?, ?)", _values(record))
            return bool(owner)

        return await self._write(insert)

    async def session(self, session_id: str) -> tuple[StoredSession, StoredUser] | None:
        """Return a session with its user."""
        query = (
            f"SELECT {SESSION}, {USER} FROM auth_session s"  # noqa: S608
            " JOIN auth_user u ON u.id = s.user_id WHERE s.id = ?"
        )
        rows = await self._read(lambda run: run(query, (session_id,)))
        return _session_and_user(rows[0]) if rows else None

    async def sessions(
        self, user_id: str | None, limit: int
    ) -> list[tuple[StoredSession, StoredUser]]:
        """Return the sessions of a user (or of all), the last used first."""
        whose = "" if user_id is None else " WHERE s.user_id = ?"
        query = (
            f"SELECT {SESSION}, {USER} FROM auth_session s JOIN auth_user u ON u.id = s.user_id"  # noqa: S608
            f"{whose} ORDER BY s.last_used_at DESC, s.id LIMIT ?"
        )
        values = (limit,) if user_id is None else (user_id, limit)
        rows = await self._read(lambda run: run(query, values))
        return [_session_and_user(row) for row in rows]

    async def drop_session(self, session_id: str) -> bool:
        """End one session; False if it was not there."""
        end = "DELETE FROM auth_session WHERE id = ? RETURNING id"
        return bool(await self._write(lambda run: run(end, (session_id,))))

    async def drop_sessions(self, user_id: str, *, keep_session: str | None) -> int:
        """End the sessions of a user, but one; return how many ended."""
        return await self._write(lambda run: _drop_sessions(run, user_id, keep_session))

    async def touch(self, used: Mapping[str, float]) -> None:
        """Note when sessions were last used; a time never moves back."""
        note = "UPDATE auth_session SET last_used_at = ? WHERE id = ? AND last_used_at < ?"

        def note_all(run: Execute) -> None:
            for session_id, at in sorted(used.items()):  # one order: two processes can't deadlock
                run(note, (at, session_id, at))

        await self._write(note_all)

    async def purge(self, now: float, idle_since: float) -> int:
        """Forget sessions that have expired or were idle since; return how many."""
        end = "DELETE FROM auth_session WHERE expires_at <= ? OR last_used_at <= ? RETURNING id"
        return len(await self._write(lambda run: run(end, (now, idle_since))))


def _drop_sessions(run: Execute, user_id: str, keep_session: str | None) -> int:
    end = "DELETE FROM auth_session WHERE user_id = ? AND id <> ? RETURNING id"
    return len(run(end, (user_id, keep_session or "")))


def _values(record: StoredSession) -> Row:
    times = (record.created_at, record.expires_at, record.last_used_at)
    return (record.id, record.user_id, *times, record.address, record.device)


def _session_and_user(row: Row) -> tuple[StoredSession, StoredUser]:
    return StoredSession(*row[:7]), _user(row[7:])


def _user(row: Row) -> StoredUser:
    user_id, email, username, name, created_at, disabled_at = row[:6]
    disabled = None if disabled_at is None else moment(disabled_at)
    return StoredUser(User(user_id, email, username, name, moment(created_at), disabled), *row[6:])
