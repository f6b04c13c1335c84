"""MariaDB and MySQL through asyncmy; migrations through pymysql."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import create_engine, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from .._connections.disposing import dispose
from .._errors import Busy, ConfigurationError, OrmError
from . import masked
from ._explain import explain
from ._fulltext import FullText
from ._mysql_schema import exact_columns
from ._reaching import reach

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine
    from sqlalchemy.ext.asyncio import AsyncSession

    from .._connections.direct import Direct
    from ..abc import SearchBackend

# The same name as in `_migrations.locks`; a connection may take it twice.
_LOCK = "CONCAT('mizzen ', MD5(DATABASE()))"
# A server's own modes may cut texts short, take "2026-02-31", or read "a" as a column's name.
_MODES = (
    "STRICT_ALL_TABLES,NO_ZERO_IN_DATE,NO_ZERO_DATE,ERROR_FOR_DIVISION_BY_ZERO,"
    "NO_ENGINE_SUBSTITUTION"
)
_SETTINGS = f"SET sql_mode = '{_MODES}', time_zone = '+00:00'"
_CONNECT_SECONDS = 10


class MySQL:
    """A MariaDB (10.6 or later) or MySQL (8.0.17 or later) database with one pool.

    Each connection talks utf8mb4, counts time in UTC, and refuses values that don't fit. It reads
    what is committed (READ COMMITTED), as on PostgreSQL: these servers' own default would show a
    transaction an old state of what it is about to change. Texts are compared exactly, by case
    too; a `str` without `max_length` is VARCHAR(255).
    """

    reader: AsyncEngine
    writer: AsyncEngine
    search: SearchBackend = FullText()
    isolation_levels: tuple[str, ...] = (
        "serializable",
        "repeatable read",
        "read committed",
        "read uncommitted",
    )

    def __init__(self, url: str, *, timeout: float, pool: int) -> None:
        self._url = _parsed(url)
        self._timeout, self._pool = timeout, pool
        self.file: str = masked(url)
        # A session's connection is thrown away when its statement is cancelled; ours would not be.
        self.direct: Direct | None = None

    async def open(self) -> None:
        """Make the pool and reach the server once."""
        try:
            self.writer = self.reader = create_async_engine(
                self._url.set(drivername="mysql+asyncmy"),
                **self._options(),
                pool_size=self._pool,
                max_overflow=self._pool,
                pool_timeout=self._timeout,
                pool_pre_ping=True,  # a restarted server costs a reconnect, not an error
            )
        except ModuleNotFoundError as error:
            raise _missing("asyncmy") from error
        exact_columns(self.writer.sync_engine)
        await reach(self)

    async def close(self) -> None:
        """Close the pool."""
        await dispose(self.writer)

    async def begin(self, session: AsyncSession, isolation: str | None, readonly: bool) -> None:
        """Begin the transaction of *session*."""
        connection = await session.connection()
        if isolation is not None:
            # Without SESSION it is for the next transaction only, which begins right here.
            await connection.exec_driver_sql(f"SET TRANSACTION ISOLATION LEVEL {isolation.upper()}")
        await connection.exec_driver_sql(
            "START TRANSACTION READ ONLY" if readonly else "START TRANSACTION"
        )

    def migrator(self) -> Engine:
        """Return a plain engine through pymysql: asyncmy has no way to run outside a loop."""
        try:
            engine = create_engine(
                self._url.set(drivername="mysql+pymysql"), **self._options(), poolclass=NullPool
            )
        except ModuleNotFoundError as error:
            raise _missing("pymysql") from error
        exact_columns(engine)
        return engine

    def before_migrations(self, connection: Connection) -> None:
        """Queue for the lock of migrations; `after_migrations` or closing gives it back.

        Raises `Busy` when it does not come within the database's timeout.
        """
        # Schema changes commit by themselves here, so no transaction's end could give it back:
        # the connection is taken out of its pool, and the lock ends with it at the latest.
        if not isinstance(connection.engine.pool, NullPool):
            connection.detach()
        taken = connection.execute(
            text(f"SELECT GET_LOCK({_LOCK}, :seconds)"), {"seconds": max(1, round(self._timeout))}
        )
        if not taken.scalar_one():
            raise Busy(
                f"another process has been changing the schema of {self.file} for "
                f"{self._timeout:g} s; look what it is at, and try again."
            )

    def after_migrations(self, connection: Connection) -> None:
        """Give the lock back; every constraint was enforced on the way."""
        connection.execute(text(f"SELECT RELEASE_LOCK({_LOCK})"))

    def explain(self, error: Exception) -> OrmError:
        """Return a driver's error in our words."""
        return explain(error, self.file)

    def waited(self) -> float:
        """Return 0: writers don't queue here."""
        return 0.0

    def _options(self) -> dict[str, Any]:
        return {
            "isolation_level": "READ COMMITTED",
            "connect_args": {
                "charset": "utf8mb4",
                "init_command": _SETTINGS,
                "connect_timeout": _CONNECT_SECONDS,
            },
        }


def _parsed(url: str) -> URL:
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError) as error:
        raise ConfigurationError(f'"{masked(url)}" is not a MariaDB or MySQL URL.') from error
    if not parsed.database:
        raise ConfigurationError(
            f'"{masked(url)}" names no database; write "mysql://user@host/name".'
        )
    driver = parsed.drivername.partition("+")[2]
    if driver not in {"", "asyncmy"}:
        raise ConfigurationError(f'"{masked(url)}": MariaDB and MySQL are reached through asyncmy.')
    return parsed


def _missing(library: str) -> ConfigurationError:
    return ConfigurationError(f'MariaDB and MySQL need {library}: pip install "mizzen-orm[mysql]"')
