"""Reads that a loop repeats for every row, where one read would do.

The same SELECT, but for its values, from the same line of yours, more often than the limit.
"""

from __future__ import annotations

import asyncio
import time
import warnings
from contextvars import ContextVar, Token
from typing import TYPE_CHECKING, Any, Literal, Self
from weakref import WeakKeyDictionary

from .._errors import NPlusOne
from .._models import known
from .._models.hydration import mapper_of
from . import sql_text
from .source import line

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from .query_run import QueryRun
    from .watch import Observing, Watch

_LIMIT = 3
# A task that lives long (a worker's loop) may ask the same question every now and then.
_BURST_SECONDS = 1.0
_SUGGESTED = 3


class Repeats:
    """How often each shape of a read came from each line."""

    def __init__(self, limit: int, on: Literal["warn", "raise"], *, burst: float | None) -> None:
        self._limit, self._on, self._burst = limit, on, burst
        self._seen: dict[tuple[str, str | None], tuple[int, float]] = {}

    def count(self, run: QueryRun) -> None:
        """Count one statement; raises or warns when it is one too many."""
        if run.operation not in {"SELECT", "WITH"} or run.error is not None:
            return
        key = sql_text.shape(run.sql), run.source
        times, last = self._seen.get(key, (0, 0.0))
        now = time.monotonic()
        if self._burst is not None and (run.source is None or now - last > self._burst):
            times = 0
        self._seen[key] = times + 1, now
        if times + 1 != self._limit + 1:
            return
        found = NPlusOne(_said(run, times + 1), source=run.source, sql=run.sql, times=times + 1)
        if self._on == "raise":
            raise found
        file, number = line() or ("mizzen.orm", 0)
        warnings.warn_explicit(found, NPlusOne, file, number)


class Detecting:
    """A block whose reads are counted; see `Database.detect_n_plus_one`."""

    def __init__(self, watch: Watch, limit: int, on: Literal["warn", "raise"]) -> None:
        self._watch = watch
        self._repeats = Repeats(limit, on, burst=None)
        self._observing: Observing | None = None
        self._token: Token[tuple[Detecting, ...]] | None = None

    def __enter__(self) -> Self:
        self._token = _blocks.set((*_blocks.get(), self))
        self._observing = self._watch.add(self._take, judges=True)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._observing is not None:
            self._observing.stop()
        if self._token is not None:
            _blocks.reset(self._token)

    def _take(self, run: QueryRun) -> None:
        if self in _blocks.get():
            self._repeats.count(run)


_blocks: ContextVar[tuple[Detecting, ...]] = ContextVar("mizzen_orm_n_plus_one", default=())


def for_tasks(on: Literal["warn", "raise"]) -> Callable[[QueryRun], None]:
    """Return what counts the reads of each task by itself."""
    tasks: WeakKeyDictionary[asyncio.Task[Any], Repeats] = WeakKeyDictionary()

    def count(run: QueryRun) -> None:
        task = asyncio.current_task()
        if task is None:
            return
        if task not in tasks:
            tasks[task] = Repeats(_LIMIT, on, burst=_BURST_SECONDS)
        tasks[task].count(run)

    return count


def _said(run: QueryRun, times: int) -> str:
    where = run.source or "a task without a line of yours"
    if run.relation is not None:
        name = run.relation.partition(".")[2]
        return (
            f"{where} loaded {run.relation} {times} times, once for each row: read the rows with "
            f'`.include("{name}")`.'
        )
    model = _model_of(run.table)
    if model is None:
        return f"{where} ran the same SELECT {times} times: {run.sql[:200]}"
    name = model.__name__
    related = _relations_to(model)
    said = f"{where} read {name} {times} times, a row at a time: read them at once, with "
    said += f"`{name}.where(id__in=[…])`"
    for relation, include in related[:_SUGGESTED]:
        said += f', or for {relation} with `.include("{include}")`'
    return f"{said}."


def _model_of(table: str | None) -> type[Any] | None:
    for model in known.models():
        if known.table_of(model).name == table:
            return model
    return None


def _relations_to(model: type[Any]) -> list[tuple[str, str]]:
    return [
        (f"{other.__name__}.{name}", name)
        for other in known.models()
        for name in other.__relations__
        if mapper_of(other).relationships[name].mapper.class_ is model
    ]
