"""The database as people meet it: one object, from which everything else is reached."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, Self

from ._connections import sessions
from ._connections.isolation import mode_for
from ._core import Core
from ._display import database_facts, html_table, one_line
from ._events.feed import Changes
from ._units import seconds

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from contextlib import AbstractContextManager
    from datetime import timedelta
    from pathlib import Path
    from types import TracebackType

    from sqlalchemy import Row

    from ._connections.attempts import Attempts
    from ._data.diagram import Diagram
    from ._events.feed import Listener, Listening
    from ._inspection.meta import Meta
    from ._migrations.migrations import Migrations
    from ._models.model import Model
    from ._sync.facade import Sync
    from .notebook import View


class Database(Core):
    """A database, embedded or served; `timeout` bounds the wait for a connection or a turn.

    `inline_reads` (SQLite) lets small SELECTs run in the event loop's own thread, for 0.3 ms at
    most: twice as fast for one reader, at the price of such pauses for everything else.
    `cursor_key` signs the cursors of `Query.after`; without one they last as long as the process.
    Reads outside transactions take turns among *replicas*; after a write its task reads from the
    primary for as long as *sticky* says. `log_queries` and `slow_queries="200ms"` write to the
    logger `mizzen.orm.queries`; `n_plus_one` warns of, or refuses, reads repeated in a loop.
    *query_cache* is what `Query.cached()` uses.
    """

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

    def on_change(self, listener: Listener, *models: type[Model]) -> Listening:
        """Call *listener*, sync or async, with each committed `Change` of *models*, or of all.

        It hears of what this process writes through models and bulk methods, not of raw SQL. Use
        the result in a `with`, or `stop()` it. What it raises is logged.
        """
        return self._feed.add(listener, models)

    def changes(self, *models: type[Model], backlog: int = 1000) -> Changes:
        """Follow committed changes: `async with db.changes(Note) as changes`, then `async for`."""
        return Changes(self._feed, models, backlog)

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

    def __repr__(self) -> str:
        return one_line("mizzen.orm.Database", database_facts(self))

    def _repr_html_(self) -> str:
        return html_table("mizzen.orm.Database", database_facts(self))

    def view(self, every: float = 0.5) -> View:
        """Return a live view for a notebook's cell; text or HTML elsewhere."""
        from .notebook import View

        return View(self, every)
