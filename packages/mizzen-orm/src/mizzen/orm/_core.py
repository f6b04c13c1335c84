"""What every part works with: one URL, opened once, its sessions and its transactions."""

from __future__ import annotations

import asyncio
import functools
import os
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Self

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from ._connections import sessions
from ._connections.direct import Straight
from ._connections.isolation import mode_for
from ._errors import ConfigurationError, NotStarted, OrmError
from ._events.feed import Feed
from ._units import seconds
from ._watching.watched import Watched
from .drivers import driver_for, masked

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence
    from contextlib import AbstractAsyncContextManager, AbstractContextManager
    from datetime import timedelta

    from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

    from ._connections.replicas import Replicas
    from ._watching.watched import OnNPlusOne
    from .abc import Driver, QueryCache

_CLOSE_SECONDS = 5.0
_HEALTH_SECONDS = 2.0

_started: list[Core] = []


class Core(Watched):
    """An opened database, without what is built on it: see `Database`."""

    def __init__(
        self,
        url: str = "memory:",
        *,
        timeout: float | timedelta | str = "30s",
        connections: int = 5,
        inline_reads: bool = False,
        cursor_key: bytes | None = None,
        replicas: Sequence[str] = (),
        sticky: float | timedelta | str = "2s",
        log_queries: bool = False,
        slow_queries: float | timedelta | str | None = None,
        n_plus_one: OnNPlusOne | None = None,
        query_cache: QueryCache | None = None,
    ) -> None:
        options: dict[str, object] = {"inline_reads": True} if inline_reads else {}
        self._driver: Driver = driver_for(
            url, timeout=seconds(timeout), pool=connections, **options
        )
        self._straight: Straight | None = None
        self._where = masked(url)
        self._counts = {
            "transactions_total": 0,
            "rollbacks_total": 0,
            "retries_total": 0,
            "errors_total": 0,
        }
        self._replicas: Replicas | None = None
        if replicas:
            from ._connections.replicas import Replicas

            self._replicas = Replicas(
                self._driver,
                replicas,
                timeout=seconds(timeout),
                pool=connections,
                sticky=seconds(sticky),
            )
        self._loop: asyncio.AbstractEventLoop | None = None
        self._process = 0
        self._cursor_key = cursor_key
        self._feed = Feed()
        self._watch_with(log_queries, slow_queries, n_plus_one, query_cache, url)

    async def start(self) -> Self:
        """Open the database, and let models find it; starting again does nothing."""
        if self._loop is None:
            await self._driver.open()
            direct = getattr(self._driver, "direct", None)
            if direct is not None:
                self._straight = Straight(direct, self._driver.writer.dialect)
            if self._replicas is not None:
                remember = functools.partial(sessions.remember_write, self)
                await self._replicas.open(self._straight, remember)
            self._loop, self._process = asyncio.get_running_loop(), os.getpid()
            _started.append(self)
            self._watch.attach()
        return self

    async def aclose(self) -> None:
        """Close every connection within five seconds; closing again does nothing."""
        if self._loop is None:
            return
        self._loop = None
        _started.remove(self)
        self._feed.end()
        try:
            async with asyncio.timeout(_CLOSE_SECONDS):
                if self._replicas is not None:
                    await self._replicas.close()
                await self._driver.close()
        except TimeoutError:
            self._counts["errors_total"] += 1

    def session(self) -> AbstractAsyncContextManager[AsyncSession]:
        """Open a session for reads; model calls inside the block use this database.

        Inside a transaction of this database it is that transaction's session.
        """
        return sessions.reading(self._opened())

    def transaction(
        self, *, isolation: str | None = None, readonly: bool = False
    ) -> AbstractAsyncContextManager[AsyncSession]:
        """Commit everything in the block, or nothing; inside another one it is a savepoint.

        `isolation` is "serializable", "repeatable read", "read committed" or "read uncommitted",
        as far as the database knows it; a `readonly` transaction sees one state on SQLite (and
        with "repeatable read" elsewhere), holds up no writer, and refuses writes with `ReadOnly`.
        On SQLite the first statement begins the write transaction, in turn with other writers.
        """
        mode = mode_for(self._opened()._driver, isolation, readonly=readonly)
        return sessions.transaction(self, mode)

    def primary(self) -> AbstractContextManager[None]:
        """Read from the primary, not from a replica, inside the `with` block."""
        return nullcontext() if self._replicas is None else self._replicas.sticky.primary()

    @property
    def feed(self) -> Feed:
        """Who hears of committed changes."""
        return self._feed

    @property
    def cursor_key(self) -> bytes | None:
        """What signs the cursors of `Query.after`, if it was given."""
        return self._cursor_key

    @property
    def engine(self) -> AsyncEngine:
        """SQLAlchemy's engine for writes (and, on PostgreSQL, for reads)."""
        return self._opened()._driver.writer

    @property
    def reader(self) -> AsyncEngine:
        """SQLAlchemy's engine for reads."""
        return self._opened()._driver.reader

    @property
    def straight(self) -> Straight | None:
        """The way around sessions for single statements, where the driver has one."""
        if (replicas := self._opened()._replicas) is not None:
            return replicas.straight(sessions.writes_of(self))
        return self._straight

    def ways(self) -> Iterator[tuple[Driver, Straight | None]]:
        """Yield every driver that is open, the primary's first, each with its straight way."""
        yield self._driver, self._straight
        for replica in self._replicas.all if self._replicas is not None else ():
            if hasattr(replica.driver, "reader"):
                yield replica.driver, replica.straight

    @property
    def replicas(self) -> Replicas | None:
        """The read replicas, if there are any."""
        return self._replicas

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
            return {"ok": True, "detail": {"database": "ok", **self._replica_health()}}
        return {"ok": False, "detail": {"database": wrong}}

    def stats(self) -> dict[str, float]:
        """Return counters and gauges; no I/O."""
        busy = 0
        if self.started:
            pools = {self._driver.reader.pool, self._driver.writer.pool}
            busy = sum(int(getattr(pool, "checkedout", int)()) for pool in pools)
            direct = getattr(self._driver, "direct", None)
            busy += direct.busy() if direct is not None else 0
        down: dict[str, float] = {}
        if self._replicas is not None:
            busy += self._replicas.busy()
            down["replicas_down"] = sum(not replica.up for replica in self._replicas.all)
        return {
            **self._counts,
            **down,
            "connections_busy": busy,
            "lane_wait_seconds_total": round(self._driver.waited(), 6),
        }

    def _replica_health(self) -> dict[str, str]:
        replicas = self._replicas.all if self._replicas is not None else []
        return {f"replica {one.name}": "ok" if one.up else "down, left out" for one in replicas}

    @contextmanager
    def explained(self) -> Generator[None]:
        """Turn drivers' errors inside the block into this package's."""
        try:
            yield
        except (SQLAlchemyError, OSError, OverflowError, UnicodeEncodeError) as error:
            self._counts["errors_total"] += 1
            raise self._driver.explain(error) from error
        except AssertionError as error:
            # SQLAlchemy's word for a row of a class that nobody has defined.
            if "polymorphic_identity" not in str(error):
                raise
            raise ConfigurationError(
                f"{error}: a row says that it is of this class; define it, or import its module."
            ) from error

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


def current() -> Core:
    """Return the database that a model's call means: the ambient one, else the only one open."""
    frame = sessions.ambient()
    if frame is not None:
        return frame.database
    if len(_started) == 1:
        return _started[0]
    if not _started:
        raise NotStarted(
            'no database is open: `db = await Core("sqlite:///app.db").start()` opens one.'
        )
    names = ", ".join(database.url for database in _started)
    raise NotStarted(
        f"{len(_started)} databases are open ({names}): say which one is meant with "
        "`Model.using(db)`, `async with db.session():` or `async with db.transaction():`."
    )
