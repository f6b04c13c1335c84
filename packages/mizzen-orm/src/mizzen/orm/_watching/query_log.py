"""The query log: every statement at DEBUG, slow ones at WARNING, and the slowest kept at hand."""

from __future__ import annotations

import heapq
import logging
from itertools import count
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .query_run import QueryRun

_log = logging.getLogger("mizzen.orm.queries")
_KEPT = 20


class QueryLog:
    """Writes statements to the logger `mizzen.orm.queries`, with times and the lines that asked."""

    def __init__(self, *, every: bool, slow: float | None) -> None:
        self._every, self._slow = every, slow
        self._slowest: list[tuple[float, int, QueryRun]] = []
        self._number = count()

    def __call__(self, run: QueryRun) -> None:
        entry = (run.seconds, next(self._number), run)
        if len(self._slowest) < _KEPT:
            heapq.heappush(self._slowest, entry)
        elif run.seconds > self._slowest[0][0]:
            heapq.heapreplace(self._slowest, entry)
        if self._slow is not None and run.seconds >= self._slow:
            _log.warning("slow query: %s", Line(run))
        elif self._every:
            _log.debug("%s", Line(run))

    def slowest(self, count: int = 10) -> list[QueryRun]:
        """Return the slowest statements so far, the slowest first; twenty are kept."""
        return [run for _, _, run in heapq.nlargest(count, self._slowest)]


class Line:
    """One statement as a line of text, made when somebody reads it."""

    def __init__(self, run: QueryRun) -> None:
        self._run = run

    def __str__(self) -> str:
        run = self._run
        said = [f"{run.seconds * 1000:.2f} ms", " ".join(run.sql.split())]
        if run.parameters:
            said.append(repr(run.parameters))
        if run.times > 1:
            said.append(f"{run.times} times")
        if run.rows is not None:
            said.append(f"{run.rows} rows")
        if run.inline:
            said.append("inline")
        if run.error is not None:
            said.append(f"{type(run.error).__name__}: {run.error}")
        return f"{'  '.join(said)}  ({run.source or 'no line of yours'})"
