"""MariaDB and MySQL can't copy a database: each one is made anew."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from sqlalchemy.ext.asyncio import AsyncConnection


class MySQLTemplates:
    """Databases that are prepared one by one."""

    def __init__(self, url: str, prepare: Callable[[str], Awaitable[None]]) -> None:
        self._url, self._prepare = url, prepare
        self._connection: AsyncConnection | None = None

    async def start(self) -> None:
        """Connect to the server."""
        scheme, colon, rest = self._url.partition(":")
        url = f"mysql+asyncmy{colon}{rest}" if "+" not in scheme else self._url
        self._connection = await create_async_engine(url, poolclass=NullPool).connect()

    async def clone(self, name: str) -> str:
        """Return the URL of a new database, prepared."""
        await self._say(f"CREATE DATABASE `{name}`")
        url = urlunsplit(urlsplit(self._url)._replace(path=f"/{name}"))
        try:
            await self._prepare(url)
        except BaseException:
            await self.drop(name)
            raise
        return url

    async def drop(self, name: str) -> None:
        """Remove a database."""
        await self._say(f"DROP DATABASE IF EXISTS `{name}`")

    async def close(self) -> None:
        """Leave the server."""
        if self._connection is not None:
            connection, self._connection = self._connection, None
            await connection.close()
            await connection.engine.dispose()

    async def _say(self, sql: str) -> None:
        assert self._connection is not None  # noqa: S101  (opened by `start`)
        await self._connection.exec_driver_sql(sql)
