"""Many connections on one: each "transaction" is a savepoint, and writers take turns.

What looks like an engine to SQLAlchemy hands out stand-ins for one real connection, whose own
transaction is never committed.
"""

from __future__ import annotations

import asyncio
from itertools import count
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import Engine
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.pool import NullPool
from sqlalchemy.util.concurrency import await_, greenlet_spawn, in_greenlet

from .._connections.finish import finish
from .._errors import Busy
from .._watching import sql_text

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

# A real transaction of these would end, or begin inside, the one that holds everything.
_numbers = count(1)  # MySQL forgets a savepoint for another of its name
_FRAMING = {"BEGIN", "START"}


class OneConnection:
    """The real connection, the turn to write, and a lock for what must not be interrupted."""

    def __init__(self, real: Any, *, timeout: float, aborts: bool) -> None:
        self.real, self.aborts = real, aborts
        self._timeout = timeout
        self._turn, self._statement = asyncio.Lock(), asyncio.Lock()

    def engine(self, like: AsyncEngine, *, writes: bool) -> AsyncEngine:
        """Return an engine whose every connection is this one."""
        dialect = _dialect(like.sync_engine.dialect, self, guards=self.aborts and not writes)
        make: Any = lambda: StandIn(self, writes=writes)  # noqa: E731
        pool = NullPool(make, dialect=dialect)
        return AsyncEngine(Engine(pool, dialect, like.sync_engine.url))

    def begin(self) -> str:
        """Wait for the turn, and return the name of a new savepoint."""
        try:
            await_(asyncio.wait_for(self._turn.acquire(), self._timeout))
        except TimeoutError:
            raise Busy(
                f"another transaction of this sandbox did not end within {self._timeout:g} s: "
                "all of them share one connection, and one that waits for another never ends."
            ) from None
        try:
            return self._alone(self.savepoint)
        except BaseException:
            self._turn.release()
            raise

    def end(self, name: str, *, keep: bool) -> None:
        """End a savepoint, whatever becomes of the task, and let the next writer in."""
        try:
            self._alone(lambda: self._close_savepoint(name, keep=keep))
        finally:
            self._turn.release()

    def abandon(self) -> None:
        """Let the next writer in; what was not ended is taken back with everything else."""
        self._turn.release()

    def savepoint(self) -> str:
        """Open one, and return its name."""
        name = f"mizzen_{next(_numbers)}"
        self._say(f"SAVEPOINT {name}")
        return name

    def run(self, work: Callable[[], None], *, guard: bool) -> None:
        """Run one statement by itself; a *guard* keeps its failure from ending the transaction."""
        self._alone(lambda: self._guarded(work) if guard else work())

    def _alone(self, work: Callable[[], T]) -> T:
        # To its end, also when the task is cancelled: nobody could use a connection that was left
        # in the middle of something.
        async def alone() -> T:
            async with self._statement:
                return await greenlet_spawn(work)

        return await_(finish(alone()))

    def _guarded(self, work: Callable[[], None]) -> None:
        name = self.savepoint()
        try:
            work()
        except BaseException:
            self._close_savepoint(name, keep=False)
            raise
        self._close_savepoint(name, keep=True)

    def _close_savepoint(self, name: str, *, keep: bool) -> None:
        if not keep:
            self._say(f"ROLLBACK TO SAVEPOINT {name}")
        self._say(f"RELEASE SAVEPOINT {name}")

    def _say(self, sql: str) -> None:
        cursor = self.real.cursor()
        try:
            cursor.execute(sql)
        finally:
            cursor.close()


class StandIn:
    """What SQLAlchemy takes for a connection of its own."""

    def __init__(self, shared: OneConnection, *, writes: bool) -> None:
        self._shared, self._writes = shared, writes
        self._savepoint: str | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._shared.real, name)

    def begin(self) -> None:
        """Begin what is a transaction to who asks."""
        if self._writes and self._savepoint is None:
            self._savepoint = self._shared.begin()

    def commit(self) -> None:
        """Keep it, until everything is rolled back."""
        self._end(keep=True)

    def rollback(self) -> None:
        """Take it back."""
        self._end(keep=False)

    def close(self) -> None:
        """Leave the real connection to the others."""
        if in_greenlet():
            self._end(keep=False)
        elif self._savepoint is not None:  # nobody closed it, and it is collected as garbage
            self._savepoint = None
            self._shared.abandon()

    terminate = close

    def _end(self, *, keep: bool) -> None:
        name, self._savepoint = self._savepoint, None
        if name is not None:
            self._shared.end(name, keep=keep)


class _Shared:
    """What a dialect does otherwise when its connections are one."""

    shared: OneConnection
    guards: bool

    def do_begin(self, dbapi_connection: Any) -> None:
        dbapi_connection.dbapi_connection.begin()

    def do_execute(self, cursor: Any, statement: str, parameters: Any, context: Any = None) -> None:
        above: Any = super()
        self._run(statement, above.do_execute, cursor, statement, parameters, context)

    def do_executemany(
        self, cursor: Any, statement: str, parameters: Any, context: Any = None
    ) -> None:
        above: Any = super()
        self._run(statement, above.do_executemany, cursor, statement, parameters, context)

    def do_execute_no_params(self, cursor: Any, statement: str, context: Any = None) -> None:
        above: Any = super()
        self._run(statement, above.do_execute_no_params, cursor, statement, context)

    def set_isolation_level(self, dbapi_connection: Any, level: Any) -> None: ...

    def reset_isolation_level(self, dbapi_connection: Any) -> None: ...

    def set_readonly(self, connection: Any, value: Any) -> None: ...

    def _run(self, statement: str, work: Callable[..., None], *given: Any) -> None:
        if sql_text.operation(statement) in _FRAMING or statement.startswith("SET TRANSACTION"):
            return
        self.shared.run(lambda: work(*given), guard=self.guards)


def _dialect(like: Any, shared: OneConnection, *, guards: bool) -> Any:
    kind: Any = like.__class__
    if not isinstance(like, _Shared):
        caching = {"supports_statement_cache": kind.supports_statement_cache}
        kind = type(f"Shared{kind.__name__}", (_Shared, kind), caching)
    made: Any = object.__new__(kind)
    made.__dict__.update(like.__dict__)
    made.__dict__.pop("dispatch", None)  # its own, for events of its own
    made.shared, made.guards = shared, guards
    return made
