"""PostgreSQL through psycopg 3."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import create_engine, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from .._errors import ConfigurationError, OrmError
from . import masked
from ._explain import explain
from ._tsvector import TSVector

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

    from ..abc import SearchBackend

# "mizzen" in ASCII: the advisory lock that migrating processes queue for.
_MIGRATION_LOCK = 0x6D697A7A656E


class PostgreSQL:
    """A PostgreSQL database; reads and writes share one pool."""

    reader: AsyncEngine
    writer: AsyncEngine
    search: SearchBackend = TSVector()

    def __init__(self, url: str, *, timeout: float, pool: int) -> None:
        self._url = _psycopg(url)
        self._timeout, self._pool = timeout, pool
        self.file: str = masked(url)

    async def open(self) -> None:
        """Make the pool and reach the server once."""
        try:
            self.writer = self.reader = create_async_engine(
                self._url,
                pool_size=self._pool,
                max_overflow=self._pool,
                pool_timeout=self._timeout,
                pool_pre_ping=True,  # a restarted server costs a reconnect, not an error
            )
        except ModuleNotFoundError as error:
            raise ConfigurationError(
                'PostgreSQL needs psycopg: pip install "mizzen-orm[postgres]"'
            ) from error
        try:
            async with self.writer.connect() as connection:
                await connection.execute(text("SELECT 1"))
        except (SQLAlchemyError, OSError) as error:
            await self.close()
            raise self.explain(error) from error

    async def close(self) -> None:
        """Close the pool."""
        await self.writer.dispose()

    def migrator(self) -> Engine:
        """Return a plain engine on the same driver."""
        return create_engine(self._url, poolclass=NullPool)

    def before_migrations(self, connection: Connection) -> None:
        """Queue for the advisory lock; the transaction's end gives it back."""
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})

    def after_migrations(self, connection: Connection) -> None:
        """Nothing to check: PostgreSQL enforced every constraint on the way."""

    def explain(self, error: Exception) -> OrmError:
        """Return a driver's error in our words."""
        return explain(error, self.file)

    def waited(self) -> float:
        """Return 0: PostgreSQL's writers don't queue here."""
        return 0.0


def _psycopg(url: str) -> URL:
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError) as error:
        raise ConfigurationError(f'"{masked(url)}" is not a PostgreSQL URL.') from error
    if parsed.drivername in {"postgresql", "postgres"}:
        return parsed.set(drivername="postgresql+psycopg")
    return parsed
