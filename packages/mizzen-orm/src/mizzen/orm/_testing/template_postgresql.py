"""PostgreSQL: the server copies the template, in some tens of milliseconds."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from sqlalchemy.ext.asyncio import AsyncConnection


class PostgreSQLTemplates:
    """Copies by `CREATE DATABASE … TEMPLATE`, told to the server over one connection.

    One advisory lock is the turn to make or remove the template, another is shared by its users.
    """

    def __init__(self, url: str, name: str, prepare: Callable[[str], Awaitable[None]]) -> None:
        self._url, self._name, self._prepare = url, name, prepare
        self._turn, self._use = (_key(name + what) for what in (" turn", " use"))
        self._connection: AsyncConnection | None = None

    async def start(self) -> None:
        """Make the template, unless another process has."""
        engine = create_async_engine(
            _for_sqlalchemy(self._url), isolation_level="AUTOCOMMIT", poolclass=NullPool
        )
        self._connection = await engine.connect()
        await self._lock("pg_advisory_lock", self._turn)
        try:
            await self._lock("pg_advisory_lock_shared", self._use)
            known = await self._connection.scalar(
                text("SELECT 1 FROM pg_database WHERE datname = :name"), {"name": self._name}
            )
            if not known:
                await self._make()
        finally:
            await self._lock("pg_advisory_unlock", self._turn)

    async def clone(self, name: str) -> str:
        """Return the URL of a new copy."""
        await self._say(f'CREATE DATABASE "{name}" TEMPLATE "{self._name}"')
        return self._at(name)

    async def drop(self, name: str) -> None:
        """Remove a copy, whoever is still connected."""
        await self._say(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    async def close(self) -> None:
        """Remove the template when no other process uses it."""
        if self._connection is None:
            return
        await self._lock("pg_advisory_lock", self._turn)
        await self._lock("pg_advisory_unlock_shared", self._use)
        if await self._lock("pg_try_advisory_lock", self._use):
            await self._say(f'DROP DATABASE IF EXISTS "{self._name}" WITH (FORCE)')
        await self._connection.close()  # and with it its locks
        await self._connection.engine.dispose()
        self._connection = None

    async def _make(self) -> None:
        draft = f"{self._name}_draft"
        await self.drop(draft)  # of a process that was killed
        await self._say(f'CREATE DATABASE "{draft}"')
        try:
            await self._prepare(self._at(draft))
        except BaseException:
            await self.drop(draft)
            raise
        await self._say(f'ALTER DATABASE "{draft}" RENAME TO "{self._name}"')

    def _at(self, name: str) -> str:
        return urlunsplit(urlsplit(self._url)._replace(path=f"/{name}"))

    async def _say(self, sql: str) -> None:
        assert self._connection is not None  # noqa: S101  (opened by `start`)
        await self._connection.exec_driver_sql(sql)

    async def _lock(self, function: str, key: int) -> bool:
        assert self._connection is not None  # noqa: S101  (opened by `start`)
        asked = text(f"SELECT {function}(:key)")  # one of five names
        return bool(await self._connection.scalar(asked, {"key": key}))


def _key(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big", signed=True)


def _for_sqlalchemy(url: str) -> str:
    scheme, colon, rest = url.partition(":")
    return f"postgresql+psycopg{colon}{rest}" if "+" not in scheme else url
