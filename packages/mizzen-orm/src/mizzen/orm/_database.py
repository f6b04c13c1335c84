"""The database: one URL, opened once, shared by every model call."""

from __future__ import annotations

import asyncio
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Self

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from . import _sessions
from ._display import database_facts, html_table, one_line
from ._errors import NotStarted, OrmError
from ._units import seconds
from .drivers import driver_for, masked

if TYPE_CHECKING:
    from collections.abc import Generator
    from contextlib import AbstractAsyncContextManager
    from datetime import timedelta
    from pathlib import Path
    from types import TracebackType

    from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

    from ._migrations import Migrations
    from .abc import Driver
    from .notebook import View

_CLOSE_SECONDS = 5.0
_HEALTH_SECONDS = 2.0

_started: list[Database] = []


class Database:
    """A database, embedded or served; `timeout` bounds the wait for a connection or a turn."""

    def __init__(
        self,
        url: str = "memory:",
        *,
        timeout: float | timedelta | str = "30s",
        connections: int = 5,
    ) -> None:
        self._driver: Driver = driver_for(url, timeout=seconds(timeout), pool=connections)
        self._where = masked(url)
        self._counts = {"transactions_total": 0, "rollbacks_total": 0, "errors_total": 0}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._process = 0

    async def start(self) -> Self:
        """Open the database, and let models find it; starting again does nothing."""
        if self._loop is None:
            await self._driver.open()
            self._loop, self._process = asyncio.get_running_loop(), os.getpid()
            _started.append(self)
        return self

    async def aclose(self) -> None:
        """Close every connection within five seconds; closing again does nothing."""
        if self._loop is None:
            return
        self._loop = None
        _started.remove(self)
        try:
            async with asyncio.timeout(_CLOSE_SECONDS):
                await self._driver.close()
        except TimeoutError:
            self._counts["errors_total"] += 1

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()

    def session(self) -> AbstractAsyncContextManager[AsyncSession]:
        """Open a session for reads; model calls inside the block use this database.

        Inside a transaction of this database it is that transaction's session.
        """
        return _sessions.reading(self._opened())

    def transaction(self) -> AbstractAsyncContextManager[AsyncSession]:
        """Commit everything in the block, or nothing; inside another one it is a savepoint.

        On SQLite the first statement begins the write transaction, in turn with other writers.
        """
        return _sessions.transaction(self._opened())

    async def create_all(self) -> None:
        """Create what is missing of the known models' tables and search indexes.

        Existing tables are left as they are: changing them is what migrations are for.
        """
        from ._schema import create_all

        with self.explained():
            async with self.engine.begin() as connection:
                await connection.run_sync(create_all, self._driver)

    def migrations(self, folder: str | Path) -> Migrations:
        """Return the migrations kept in *folder*."""
        from ._migrations import Migrations

        return Migrations(self, folder)

    @property
    def engine(self) -> AsyncEngine:
        """SQLAlchemy's engine for writes (and, on PostgreSQL, for reads)."""
        return self._opened()._driver.writer

    @property
    def reader(self) -> AsyncEngine:
        """SQLAlchemy's engine for reads."""
        return self._opened()._driver.reader

    @property
    def driver(self) -> Driver:
        """The driver that the URL named."""
        return self._driver

    @property
    def url(self) -> str:
        """The URL without its password."""
        return self._where

    @property
    def started(self) -> bool:
        """Whether the database is open."""
        return self._loop is not None

    async def health(self) -> dict[str, object]:
        """Ask the database one question; never raises."""
        try:
            async with asyncio.timeout(_HEALTH_SECONDS), self.reader.connect() as connection:
                await connection.execute(text("SELECT 1"))
        except TimeoutError:
            wrong = f"no answer within {_HEALTH_SECONDS:g} s"
        except OrmError as error:
            wrong = str(error)
        except (SQLAlchemyError, OSError) as error:
            wrong = str(self._driver.explain(error))
        else:
            return {"ok": True, "detail": {"database": "ok"}}
        return {"ok": False, "detail": {"database": wrong}}

    def stats(self) -> dict[str, float]:
        """Return counters and gauges; no I/O."""
        busy = 0
        if self.started:
            pools = {self._driver.reader.pool, self._driver.writer.pool}
            busy = sum(int(getattr(pool, "checkedout", int)()) for pool in pools)
        return {
            **self._counts,
            "connections_busy": busy,
            "lane_wait_seconds_total": round(self._driver.waited(), 6),
        }

    def __repr__(self) -> str:
        return one_line("mizzen.orm.Database", database_facts(self))

    def _repr_html_(self) -> str:
        return html_table("mizzen.orm.Database", database_facts(self))

    def view(self, every: float = 0.5) -> View:
        """Return a live view for a notebook's cell; text or HTML elsewhere."""
        from .notebook import View

        return View(self, every)

    @contextmanager
    def explained(self) -> Generator[None]:
        """Turn drivers' errors inside the block into this package's."""
        try:
            yield
        except (SQLAlchemyError, OSError) as error:
            self._counts["errors_total"] += 1
            raise self._driver.explain(error) from error

    def count(self, name: str) -> None:
        """Add one to a counter of `stats()`."""
        self._counts[name] += 1

    def _opened(self) -> Self:
        if self._loop is None:
            raise NotStarted(
                f"the database {self._where} is not open: call `await db.start()` "
                "or use `async with db:`."
            )
        if self._process != os.getpid():
            raise NotStarted(
                f"the database {self._where} was started before this process was forked; "
                "no connection crosses a fork: make and start a Database of its own here."
            )
        return self


def current() -> Database:
    """Return the database that a model's call means: the ambient one, else the only one open."""
    frame = _sessions.ambient()
    if frame is not None:
        return frame.database
    if len(_started) == 1:
        return _started[0]
    if not _started:
        raise NotStarted(
            'no database is open: `db = await Database("sqlite:///app.db").start()` opens one.'
        )
    names = ", ".join(database.url for database in _started)
    raise NotStarted(
        f"{len(_started)} databases are open ({names}): say which one is meant with "
        "`Model.using(db)`, `async with db.session():` or `async with db.transaction():`."
    )
