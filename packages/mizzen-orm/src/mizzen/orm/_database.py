"""The database: one URL, opened once, shared by every model call."""

from __future__ import annotations

import asyncio
import functools
import os
from contextlib import contextmanager, nullcontext
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, Self

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from ._connections import sessions
from ._connections.direct import Straight
from ._connections.isolation import mode_for
from ._display import database_facts, html_table, one_line
from ._errors import ConfigurationError, NotStarted, OrmError
from ._events.feed import Changes, Feed
from ._units import seconds
from ._watching.watched import Watched
from .drivers import driver_for, masked

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping, Sequence
    from contextlib import AbstractAsyncContextManager, AbstractContextManager
    from datetime import timedelta
    from pathlib import Path
    from types import TracebackType

    from sqlalchemy import Row
    from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

    from ._connections.attempts import Attempts
    from ._connections.replicas import Replicas
    from ._data.diagram import Diagram
    from ._events.feed import Listener, Listening
    from ._inspection.meta import Meta
    from ._migrations.migrations import Migrations
    from ._models.model import Model
    from ._sync.facade import Sync
    from ._watching.watched import OnNPlusOne
    from .abc import Driver, QueryCache
    from .notebook import View

_CLOSE_SECONDS = 5.0
_HEALTH_SECONDS = 2.0

_started: list[Database] = []


class Database(Watched):
    """A database, embedded or served; `timeout` bounds the wait for a connection or a turn.

    `inline_reads` (SQLite) lets small SELECTs run in the event loop's own thread, for 0.3 ms at
    most: twice as fast for one reader, at the price of such pauses for everything else.
    `cursor_key` signs the cursors of `Query.after`; without one they last as long as the process.
    Reads outside transactions take turns among *replicas*; after a write its task reads from the
    primary for as long as *sticky* says. `log_queries` and `slow_queries="200ms"` write to the
    logger `mizzen.orm.queries`; `n_plus_one` warns of, or refuses, reads repeated in a loop.
    *query_cache* is what `Query.cached()` uses.
    """

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

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()

    if not TYPE_CHECKING:  # checkers refuse a plain `with` by themselves

        def __enter__(self) -> None:
            raise TypeError(
                "a database is opened with `async with db:`, and where nothing can be awaited "
                "with `with db.sync:`."
            )

        def __exit__(self, *_error: object) -> None:
            """Belong to `__enter__`, without which Python looks no further."""

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

    def attempts(
        self,
        tries: int = 5,
        *,
        isolation: str | None = None,
        readonly: bool = False,
        pause: float | timedelta | str = "20ms",
    ) -> Attempts:
        """Run a transaction again after a deadlock or a serialization failure.

        `async for attempt in db.attempts(isolation="serializable"): async with attempt: …`. The
        pause before the next try is random, up to twice as long each time (from *pause*, to one
        second). After *tries* it raises `Conflict`; any other error ends the loop at once.
        """
        from ._connections.attempts import Attempts

        mode = mode_for(self._opened()._driver, isolation, readonly=readonly)
        return Attempts(self, mode, tries, seconds(pause))

    def primary(self) -> AbstractContextManager[None]:
        """Read from the primary, not from a replica, inside the `with` block."""
        return nullcontext() if self._replicas is None else self._replicas.sticky.primary()

    def diagram(self, what: object = None, *, columns: Literal["all", "keys"] = "all") -> Diagram:
        """Return the diagram of the known models; see `diagram`, and `Diagram.read` for tables."""
        from ._data.diagram import diagram

        return diagram(what, columns=columns)

    @cached_property
    def sync(self) -> Sync:
        """The same database for code that can't `await`: `db.sync(User).create(name="ann")`."""
        from ._sync.facade import Sync

        return Sync(self)

    async def sql(self, sql: str, **values: Any) -> list[Row[*tuple[Any, ...]]]:
        """Run a SELECT of one's own, with `:name` for each value, and return its rows."""
        from ._queries.raw import bound

        async with sessions.reader(self._opened()) as session:
            return list((await session.execute(bound(sql, values))).all())

    @property
    def feed(self) -> Feed:
        """Who hears of committed changes."""
        return self._feed

    def on_change(self, listener: Listener, *models: type[Model]) -> Listening:
        """Call *listener*, sync or async, with each committed `Change` of *models*, or of all.

        It hears of what this process writes through models and bulk methods, not of raw SQL. Use
        the result in a `with`, or `stop()` it. What it raises is logged.
        """
        return self._feed.add(listener, models)

    def changes(self, *models: type[Model], backlog: int = 1000) -> Changes:
        """Follow committed changes: `async with db.changes(Note) as changes`, then `async for`."""
        return Changes(self._feed, models, backlog)

    @property
    def cursor_key(self) -> bytes | None:
        """What signs the cursors of `Query.after`, if it was given."""
        return self._cursor_key

    def schema(self, name: str, *, shared: Sequence[str] = ()) -> AbstractContextManager[None]:
        """Use the tables of a schema for the block: `with db.schema("acme"):` (PostgreSQL).

        `shared` schemas are looked into after it. A schema that isn't there raises
        `ConfigurationError` at the first statement. Begin it outside of sessions and transactions.
        """
        from ._tenancy.acting import in_schema

        return in_schema(self._opened(), name, tuple(shared))

    def acting_as(
        self, role: str | None = None, *, claims: Mapping[str, Any] | None = None
    ) -> AbstractContextManager[None]:
        """Act as a role for the block, with claims that policies read (PostgreSQL).

        They are set as PostgREST and Supabase do: `current_setting('request.jwt.claims', true)`.
        A role that row level security doesn't hold for (a superuser, one with BYPASSRLS, or the
        owner of a table whose row security isn't forced) raises `ConfigurationError` at the first
        statement. Begin it outside of sessions and transactions.
        """
        from ._tenancy.acting import as_role

        return as_role(self._opened(), role, claims)

    async def create_all(self, *, schema: str | None = None) -> None:
        """Create what is missing of the known models' tables and search indexes.

        Existing tables are left as they are: changing them is what migrations are for. With
        `schema` (PostgreSQL) they are made in it, and it is made if it is missing.
        """
        from ._migrations.schema import create_all
        from ._tenancy.acting import create_schema

        with self.explained():
            async with self.engine.begin() as connection:
                if schema is not None:
                    await connection.run_sync(create_schema, schema)
                await connection.run_sync(create_all, self._driver)

    def migrations(
        self,
        folder: str | Path,
        *,
        schema: str | None = None,
        shared: Sequence[str] = (),
        lock_timeout: float | timedelta | str = "5s",
        tries: int = 5,
        wait: float | timedelta | str = "10m",
    ) -> Migrations:
        """Return the migrations kept in *folder*.

        A statement waits *lock_timeout* at most for a busy table, and is tried *tries* times;
        *wait* bounds the wait for another process that migrates. With *schema* (PostgreSQL) they
        are about its tables, and it is made if it is missing; *shared* ones are looked into, too.
        """
        from ._migrations.migrations import Migrations

        return Migrations(
            self,
            folder,
            schema=schema,
            shared=shared,
            lock_timeout=lock_timeout,
            tries=tries,
            wait=wait,
        )

    @property
    def meta(self) -> Meta:
        """What is in the database, and changing it."""
        from ._inspection.meta import Meta

        return Meta(self)

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


def current() -> Database:
    """Return the database that a model's call means: the ambient one, else the only one open."""
    frame = sessions.ambient()
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
