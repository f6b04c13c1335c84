"""One statement at a time, under the database's own guard.

Each call opens a connection of its own, which is thrown away afterwards, so that nothing a
statement sets is left behind in the pool. What is refused is refused by the database: a read-only
transaction on servers, an authorizer on SQLite. It does not limit what the account may do
elsewhere (files of the server, other databases): give the database's user no more rights than
it needs.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, Protocol, cast

import anyio.to_thread
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from .._connections.finish import finish
from .._errors import Busy, ConfigurationError, ReadOnly
from .result import QueryResult

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Engine

    from ..abc import Driver


async def stoppable(work: Callable[[], QueryResult], running: Running) -> QueryResult:
    """Run *work* in a thread; a cancellation stops the statement, and comes when that is done."""
    task = asyncio.ensure_future(anyio.to_thread.run_sync(work))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await finish(_stopped(task, running))
        raise


class Guard(Protocol):
    """How one kind of database keeps a statement in bounds; made by `(connection, write, …)`."""

    def begin(self) -> None:
        """Begin a transaction that reads only, unless it may write, with the time limit."""
        ...

    def run(self, sql: str, values: Any, limit: int) -> tuple[Any, list[Any], int]:
        """Execute exactly one statement; return its description, rows and count."""
        ...

    def refused(self, error: Exception) -> str | None:
        """Return "write" or "time" for the guard's own errors."""
        ...

    def interrupt(self) -> None:
        """Stop the statement; called from another thread."""
        ...


def execute(
    driver: Driver,
    running: Running,
    sql: str,
    parameters: tuple[Any, ...],
    *,
    write: bool,
    limit: int,
    timeout: float,
) -> QueryResult:
    """Execute one statement in this thread."""
    engine = driver.migrator()
    try:
        return _execute(engine, driver, running, sql, parameters, write, limit, timeout)
    finally:
        engine.dispose()


class Running:
    """Lets another thread stop the statement, whether it has begun or not."""

    def __init__(self) -> None:
        self.guard: Guard | None = None
        self.stopped = False

    def stop(self) -> None:
        """Stop the statement."""
        self.stopped = True
        if self.guard is not None:
            self.guard.interrupt()


async def _stopped(task: asyncio.Future[QueryResult], running: Running) -> None:
    if not task.done():
        await asyncio.to_thread(running.stop)
    await asyncio.wait([task])
    if not task.cancelled():
        task.exception()  # seen: the cancellation is what the caller gets


def _execute(
    engine: Engine,
    driver: Driver,
    running: Running,
    sql: str,
    parameters: tuple[Any, ...],
    write: bool,
    limit: int,
    timeout: float,
) -> QueryResult:
    wanted, values = _bound(engine, sql, parameters)
    raw = engine.raw_connection()
    connection: Any = raw.driver_connection
    guard = _guard_for(engine.dialect.name)(connection, write, timeout)
    error_class: Any = engine.dialect.loaded_dbapi.Error
    try:
        guard.begin()
        running.guard = guard
        if running.stopped:
            raise Busy("the statement was cancelled before it began.")
        began = time.perf_counter()
        description, rows, count = guard.run(wanted, values, limit + 1)
        if write:
            connection.commit()
        else:
            connection.rollback()
        elapsed = (time.perf_counter() - began) * 1000
    except error_class as error:
        raise _explained(driver, guard, error, timeout, write) from error
    finally:
        running.guard = None
        raw.detach()
        raw.close()
    columns = tuple(str(column[0]) for column in description or ())
    cut = tuple(tuple(row) for row in rows[:limit])
    written = count if write and count >= 0 and not rows else len(cut)
    return QueryResult(columns, cut, written, len(rows) > limit, round(elapsed, 3))


def _bound(engine: Engine, sql: str, parameters: tuple[Any, ...]) -> tuple[str, Any]:
    if not sql.strip() or "\0" in sql:
        raise ConfigurationError("there is no statement to execute.")
    if not parameters:
        return sql, None
    named: dict[str, Any] = {str(place): value for place, value in enumerate(parameters, 1)}
    if len(parameters) == 1 and isinstance(parameters[0], dict):
        named = cast("dict[str, Any]", parameters[0])
    compiled = text(sql).compile(dialect=engine.dialect)
    names = set(compiled.params)
    if names != set(named):
        raise ConfigurationError(
            f"the statement's parameters are {_listed(names)}, and the values given are for "
            f"{_listed(set(named))}; write `:name` with a mapping, or `:1`, `:2` with values "
            "in order, and `\\:` for a colon that begins no parameter."
        )
    values: Any = {key: named[key] for key in names}
    if compiled.positional:
        values = tuple(named[key] for key in compiled.positiontup or ())
    return compiled.string, values


def _listed(names: set[str]) -> str:
    return ", ".join(f":{name}" for name in sorted(names)) or "none"


def _guard_for(dialect: str) -> Any:
    match dialect:
        case "sqlite":
            from .guard_sqlite import SQLiteGuard

            return SQLiteGuard
        case "postgresql":
            from .guard_postgresql import PostgreSQLGuard

            return PostgreSQLGuard
        case "mysql" | "mariadb":
            from .guard_mysql import MySQLGuard

            return MySQLGuard
        case _:
            raise ConfigurationError(f"no guarded statements on {dialect}: use `db.session()`.")


def _explained(
    driver: Driver, guard: Guard, error: Exception, timeout: float, write: bool
) -> Exception:
    said = error.args[-1] if error.args else error
    match guard.refused(error):
        case "write" if write:
            return ReadOnly(f"that is not allowed even with write=True: {said}.")
        case "write":
            return ReadOnly(
                f"only reads are served here ({said}); to change data: `execute(…, write=True)`."
            )
        case "time":
            return Busy(f"the statement was stopped after {timeout:g} s: give it a longer timeout.")
        case _:
            return driver.explain(DBAPIError.instance("?", None, error, type(error)))
