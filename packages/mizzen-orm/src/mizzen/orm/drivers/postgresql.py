"""PostgreSQL through psycopg 3, or asyncpg where the URL says `postgresql+asyncpg:`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import create_engine, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from .._connections.disposing import dispose
from .._errors import ConfigurationError, OrmError
from . import masked
from ._explain import explain
from ._reaching import reach
from ._times import exact_times
from ._tsvector import TSVector

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine
    from sqlalchemy.ext.asyncio import AsyncSession

    from .._connections.direct import Direct
    from ..abc import SearchBackend

# "mizzen" in ASCII: the advisory lock that migrating processes queue for.
_MIGRATION_LOCK = 0x6D697A7A656E
_PSYCOPG = "postgresql+psycopg"


class PostgreSQL:
    """A PostgreSQL database; reads and writes share one pool."""

    reader: AsyncEngine
    writer: AsyncEngine
    search: SearchBackend = TSVector()
    isolation_levels: tuple[str, ...] = (
        "serializable",
        "repeatable read",
        "read committed",
        "read uncommitted",
    )

    def __init__(self, url: str, *, timeout: float, pool: int) -> None:
        self._url = _psycopg(url)
        self._timeout, self._pool = timeout, pool
        self.file: str = masked(url)
        self.direct: Direct | None = None

    async def open(self) -> None:
        """Make the pool and reach the server once."""
        try:
            self.writer = self.reader = create_async_engine(
                self._url,
                pool_size=self._pool,
                max_overflow=self._pool,
                pool_timeout=self._timeout,
                pool_pre_ping=True,  # a restarted server costs a reconnect, not an error
                connect_args=self._connecting(),
            )
        except ModuleNotFoundError as error:
            raise ConfigurationError(
                'PostgreSQL needs psycopg: pip install "mizzen-orm[postgres]"'
            ) from error
        exact_times(self.writer.dialect)
        await reach(self)
        if self._url.drivername == _PSYCOPG:
            from ._psycopg_direct import PsycopgDirect

            arguments = self.writer.dialect.create_connect_args(self._url)[1]
            self.direct = PsycopgDirect(arguments, size=self._pool * 2, timeout=self._timeout)

    async def close(self) -> None:
        """Close the pool."""
        if self.direct is not None:
            await self.direct.close()
        await dispose(self.writer)

    async def begin(self, session: AsyncSession, isolation: str | None, readonly: bool) -> None:
        """Begin the transaction of *session*; the pool takes the settings back with it."""
        options: dict[str, Any] = {"postgresql_readonly": True} if readonly else {}
        if isolation is not None:
            options["isolation_level"] = isolation.upper()
        await session.connection(execution_options=options)

    def migrator(self) -> Engine:
        """Return a plain engine, on psycopg."""
        try:
            return create_engine(self._url.set(drivername=_PSYCOPG), poolclass=NullPool)
        except ModuleNotFoundError as error:
            raise ConfigurationError(
                'migrations of PostgreSQL need psycopg: pip install "mizzen-orm[postgres]"'
            ) from error

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

    def _connecting(self) -> dict[str, Any]:
        if self._url.drivername != _PSYCOPG:
            return {}
        from ._psycopg_connecting import connected

        return {"async_creator_fn": connected}


def _psycopg(url: str) -> URL:
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError) as error:
        raise ConfigurationError(f'"{masked(url)}" is not a PostgreSQL URL.') from error
    if parsed.drivername in {"postgresql", "postgres"}:
        return parsed.set(drivername=_PSYCOPG)
    return parsed
