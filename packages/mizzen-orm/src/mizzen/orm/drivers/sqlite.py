"""SQLite: readers on a pool of their own, one writer behind the lane."""

from __future__ import annotations

import functools
import os
import sqlite3
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio.to_thread
from sqlalchemy import create_engine, event, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from .._connections.disposing import dispose
from .._connections.finish import finish
from .._connections.lane import Lane, ReaderConnection, SessionReader, WriterConnection
from .._errors import ConfigurationError, MigrationFailed, OrmError
from ._explain import explain
from ._fts5 import FTS5
from ._numbers import exact_numbers
from ._sqlite_direct import SQLiteDirect
from ._thread import ThreadConnection
from ._times import exact_times

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection, Engine
    from sqlalchemy.ext.asyncio import AsyncSession

    from .._connections.direct import Direct
    from ..abc import SearchBackend

# After the lane SQLite's own lock is free, unless somebody writes without taking the lane.
_BUSY_SECONDS = 5.0
_OPTIONS: dict[str, Any] = {
    "timeout": _BUSY_SECONDS,
    "isolation_level": None,  # transactions begin when we say so, not before each first write
    "check_same_thread": False,
}


class SQLite:
    """A SQLite file; `memory:` is a private temporary file, so both behave alike.

    One that is not *writable* (a replica) has to exist, and nothing is ever written to it.
    """

    reader: AsyncEngine
    writer: AsyncEngine
    search: SearchBackend = FTS5()
    isolation_levels: tuple[str, ...] = ("serializable",)

    def __init__(
        self,
        url: str,
        *,
        timeout: float,
        pool: int,
        inline_reads: bool = False,
        writable: bool = True,
    ) -> None:
        self._path, self._writable = _path(url), writable
        self._inline_reads = inline_reads
        self.direct: Direct | None = None
        self._timeout, self._pool = timeout, pool
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._lanes: list[Lane] = []
        self._waited = 0.0

    async def open(self) -> None:
        """Open the file, create it when it is missing, and turn WAL on."""
        if self._path is None:
            # SQLite's shared-cache memory mode locks whole tables without waiting, and its
            # private one is a single connection; a file without syncs has neither fault.
            make = functools.partial(tempfile.TemporaryDirectory[str], prefix="mizzen-orm-")
            self._folder = await anyio.to_thread.run_sync(make)
        self.writer = self._async_engine(self._connect_writer, size=1)
        self.reader = self._async_engine(self._connect_session_reader, size=self._pool)
        event.listen(self.writer.sync_engine, "begin", _begin)
        self.direct = SQLiteDirect(
            functools.partial(_started, self._connect_reader),
            functools.partial(_started, self._connect_writer),
            readers=self._pool,
            inline=self._connect_reader if self._inline_reads else None,
        )
        try:
            engine = self.writer if self._writable else self.reader
            async with engine.connect() as connection:
                await connection.execute(text("SELECT count(*) FROM sqlite_master"))
                await connection.rollback()
        except (SQLAlchemyError, OSError, sqlite3.Error) as error:
            await self.close()
            raise self.explain(error) from error

    async def close(self) -> None:
        """Close every connection; a temporary database is gone then."""
        if self.direct is not None:
            await self.direct.close()
        await dispose(self.reader)
        await dispose(self.writer)
        if self._folder is not None:
            folder, self._folder = self._folder, None
            await anyio.to_thread.run_sync(folder.cleanup)

    async def begin(self, session: AsyncSession, isolation: str | None, readonly: bool) -> None:
        """Begin the transaction of *session*; a readonly one sees one state of the file."""
        connection = await session.connection()
        if readonly:  # on a reader's connection, which begins nothing by itself
            await connection.exec_driver_sql("BEGIN")

    def migrator(self) -> Engine:
        """Return an engine with foreign keys off: SQLite alters a table by replacing it."""
        engine = create_engine(
            URL.create("sqlite", database=self.file),
            poolclass=NullPool,
            creator=functools.partial(self._connect_writer, foreign_keys=False),
        )
        event.listen(engine, "begin", _begin)
        exact_numbers(engine.dialect)
        exact_times(engine.dialect)
        return engine

    def before_migrations(self, connection: Connection) -> None:
        """Nothing to wait for: the lane and BEGIN IMMEDIATE did it."""

    def after_migrations(self, connection: Connection) -> None:
        """Check the references that were not enforced while tables were replaced."""
        broken = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall()
        if broken:
            tables = ", ".join(sorted({str(row[0]) for row in broken}))
            raise MigrationFailed(
                f"{len(broken)} rows would refer to rows that are not there (in {tables}); "
                "nothing was changed."
            )

    def explain(self, error: Exception) -> OrmError:
        """Return a driver's error in our words."""
        return explain(error, self.file)

    def waited(self) -> float:
        """Return the seconds spent waiting for the lane."""
        return self._waited + sum(lane.waited for lane in self._lanes)

    @property
    def file(self) -> str:
        """Path of the database file."""
        if self._folder is not None:
            return os.path.join(self._folder.name, "memory.db")
        return self._path or "memory:"

    def _async_engine(self, connect: Callable[[], sqlite3.Connection], size: int) -> AsyncEngine:
        engine = create_async_engine(
            URL.create("sqlite+aiosqlite", database=self.file),
            async_creator=functools.partial(_started, connect),
            pool_size=size,
            max_overflow=0,
            pool_timeout=self._timeout,
        )
        exact_numbers(engine.dialect)
        exact_times(engine.dialect)
        return engine

    def _connect_session_reader(self) -> sqlite3.Connection:
        return self._connect_reader(SessionReader)

    def _connect_reader(
        self, kind: type[ReaderConnection] = ReaderConnection
    ) -> sqlite3.Connection:
        if self._writable:
            return kind(self.file, **_OPTIONS)
        return kind(Path(self.file).as_uri() + "?mode=rw", uri=True, **_OPTIONS)

    def _connect_writer(self, *, foreign_keys: bool = True) -> sqlite3.Connection:
        return WriterConnection(
            self.file,
            lane=self._lane(),
            durable=self._path is not None,
            foreign_keys=foreign_keys,
            **_OPTIONS,
        )

    def _lane(self) -> Lane:
        lane = Lane(self.file + ".lane", self._timeout)
        if len(self._lanes) >= 16:
            self._waited += self._lanes.pop(0).waited
        self._lanes.append(lane)
        return lane


async def _started(connect: Callable[[], sqlite3.Connection]) -> ThreadConnection:
    connection = ThreadConnection(connect)
    try:
        await connection
    except BaseException:
        # The thread answers to this event loop: it ends before the caller goes on.
        await finish(connection.close())
        raise
    return connection


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _path(url: str) -> str | None:
    if url in {"memory:", "sqlite://", "sqlite:///:memory:"}:
        return None
    for prefix in ("sqlite:///", "sqlite+aiosqlite:///"):
        if url.startswith(prefix) and (path := url.removeprefix(prefix)):
            if "?" in path:
                raise ConfigurationError(f'"{url}": options in SQLite URLs are not supported.')
            return os.path.abspath(path)
    raise ConfigurationError(
        f'"{url}" is not a SQLite URL; write "memory:", "sqlite:///relative.db" '
        'or "sqlite:////absolute.db".'
    )
