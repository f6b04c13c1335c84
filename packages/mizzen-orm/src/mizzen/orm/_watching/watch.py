"""Who is told of each statement of one database, on both ways to the driver.

While nobody listens there is nothing here: `Straight.watch` is None, and SQLAlchemy's engines have
no listeners.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Any, Self

from sqlalchemy import event

from .._connections.finish import finish
from . import redaction
from .caching import changed
from .query_run import QueryRun
from .source import loading, source

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from types import TracebackType

    from sqlalchemy import Engine

    from .._connections.direct import Answer, Prepared, Straight
    from .._core import Core
    from .caching import Caching

    Listener = Callable[[QueryRun], object]

_log = logging.getLogger("mizzen.orm.queries")
_CONTEXT = "_mizzen_watched"


class Observing:
    """One observer of a database's statements; `stop()`, or the end of a `with`, ends it."""

    def __init__(self, watch: Watch, listener: Listener, *, judges: bool) -> None:
        self._watch = watch
        self.listener = listener
        self.judges = judges

    def stop(self) -> None:
        """Observe no more; stopping again does nothing."""
        self._watch.remove(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


class Watch:
    """The observers of one database."""

    def __init__(self, database: Core) -> None:
        self._database = database
        self._observing: tuple[Observing, ...] = ()
        self.caching: Caching | None = None
        self._straights: list[Straight] = []
        self._engines: list[Engine] = []

    def add(self, listener: Listener, *, judges: bool = False) -> Observing:
        """Tell *listener* of each statement; only one that *judges* may fail its caller."""
        made = Observing(self, listener, judges=judges)
        self._observing = (*self._observing, made)
        self.attach()
        return made

    def remove(self, observing: Observing) -> None:
        """Tell it no more."""
        self._observing = tuple(one for one in self._observing if one is not observing)
        if not self._observing:
            self.attach()

    def attach(self) -> None:
        """Begin to look, if there are observers and the database is open."""
        self.detach()
        if not (self._observing or self.caching) or not self._database.started:
            return
        for driver, straight in self._database.ways():
            if straight is not None and not straight.on_engines:
                straight.watch = self
                self._straights.append(straight)
            for engine in {driver.reader.sync_engine, driver.writer.sync_engine}:
                event.listen(engine, "before_cursor_execute", self._before)
                event.listen(engine, "after_cursor_execute", self._after)
                event.listen(engine, "handle_error", self._failed)
                self._engines.append(engine)

    def detach(self) -> None:
        """Look no more."""
        for straight in self._straights:
            straight.watch = None
        for engine in self._engines:
            event.remove(engine, "before_cursor_execute", self._before)
            event.remove(engine, "after_cursor_execute", self._after)
            event.remove(engine, "handle_error", self._failed)
        self._straights, self._engines = [], []

    async def one(
        self, run: Callable[[Prepared], Awaitable[Answer]], statement: Prepared, straight: Straight
    ) -> Answer:
        """Run one statement of the straight path, and tell of it."""
        began, start = time.time(), time.perf_counter()
        try:
            answer = await run(statement)
        except BaseException as error:
            self._tell_failed(statement, began, start, straight.wrapped(statement, error))
            raise
        self._tell(
            statement.sql,
            statement.parameters,
            time.perf_counter() - start,
            began,
            rows=_rows_of(answer),
            inline=answer.inline,
        )
        if self.caching is not None:
            await finish(self.caching.wrote(changed(statement.sql)))
        return answer

    async def several(
        self,
        run: Callable[[Sequence[Prepared]], Awaitable[list[Answer]]],
        statements: Sequence[Prepared],
        straight: Straight,
    ) -> list[Answer]:
        """Run statements in one transaction, and tell of each; they share the time."""
        began, start = time.time(), time.perf_counter()
        try:
            answers = await run(statements)
        except BaseException as error:
            self._tell_failed(statements[0], began, start, straight.wrapped(statements[0], error))
            raise
        share = (time.perf_counter() - start) / len(statements)
        for number, (statement, answer) in enumerate(zip(statements, answers, strict=True)):
            self._tell(
                statement.sql,
                statement.parameters,
                share,
                began + share * number,
                rows=_rows_of(answer),
            )
        if self.caching is not None:
            tables = set[str]().union(*(changed(statement.sql) for statement in statements))
            await finish(self.caching.wrote(tables))
        return answers

    def _tell_failed(
        self, statement: Prepared, began: float, start: float, error: BaseException
    ) -> None:
        seconds = time.perf_counter() - start
        self._tell(statement.sql, statement.parameters, seconds, began, error=error)

    def _before(
        self, connection: Any, cursor: Any, sql: str, given: Any, context: Any, many: bool
    ) -> None:
        setattr(context, _CONTEXT, (time.time(), time.perf_counter()))

    def _after(
        self, connection: Any, cursor: Any, sql: str, given: Any, context: Any, many: bool
    ) -> None:
        if self.caching is not None:
            self.caching.saw(connection, sql)
        began, start = _taken(context) or (time.time(), time.perf_counter())
        fetched: Any = getattr(cursor, "_rows", None)
        rows = len(fetched) if cursor.description and fetched is not None else cursor.rowcount
        seconds = time.perf_counter() - start
        times = len(given) if many else 1
        self._tell(sql, given, seconds, began, names=_names(context), rows=rows, times=times)

    def _failed(self, failure: Any) -> None:
        timed = _taken(failure.execution_context)
        if timed is None:  # the statement itself went well
            return
        began, start = timed
        error: BaseException = failure.sqlalchemy_exception or failure.original_exception
        given = failure.parameters
        seconds, names = time.perf_counter() - start, _names(failure.execution_context)
        self._tell(failure.statement, given, seconds, began, names=names, error=error)

    def _tell(
        self,
        sql: str,
        given: Any,
        seconds: float,
        began: float,
        *,
        names: Sequence[str] = (),
        rows: int | None = None,
        error: BaseException | None = None,
        inline: bool = False,
        times: int = 1,
    ) -> None:
        if not self._observing:
            return
        run = QueryRun(
            database=self._database.url,
            sql=redaction.shown_sql(sql),
            parameters=redaction.shown_parameters(sql, given, names),
            seconds=seconds,
            rows=None if rows is None or rows < 0 else rows,
            source=source(),
            error=None if error is None else self._explained(error),
            inline=inline,
            began=began,
            times=times,
            relation=loading.get(),
        )
        for observing in self._observing:
            if observing.judges:
                observing.listener(run)
                continue
            try:
                observing.listener(run)
            except Exception:
                # The statement was run; who asked for it must not think that it failed.
                _log.exception("the query observer %r failed", observing.listener)

    def _explained(self, error: BaseException) -> BaseException:
        if isinstance(error, asyncio.CancelledError):
            return asyncio.CancelledError("cancelled")
        if isinstance(error, Exception):
            return self._database.driver.explain(error)
        return error


def _taken(context: Any) -> tuple[float, float] | None:
    timed: tuple[float, float] | None = getattr(context, _CONTEXT, None)
    if timed is not None:
        setattr(context, _CONTEXT, None)
    return timed


def _names(context: Any) -> Sequence[str]:
    compiled: Any = getattr(context, "compiled", None)
    return getattr(compiled, "positiontup", None) or ()


def _rows_of(answer: Answer) -> int:
    return len(answer.rows) if answer.codes else answer.rowcount
