"""What a database does now: how much each second, how long writers wait, which queries are slow."""

from __future__ import annotations

import time
from html import escape
from typing import TYPE_CHECKING, Any, Protocol, cast

from ._display import duration, readable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ._core import Core

_WINDOW = 10.0  # seconds over which a rate is taken: long enough not to flicker
_QUERIES = 5
_SQL = 120
_LEFT = "text-align:left;padding-right:2em"
_RIGHT = "text-align:right;padding-right:2em"


class SlowQuery(Protocol):
    """One entry of a query log: the statement, how long it took, and the line that asked."""

    sql: str
    seconds: float


class Activity:
    """The counters of one database over the last moments; `html` looks again each time."""

    def __init__(self, database: Core, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._database, self._clock = database, clock
        self._seen: list[tuple[float, dict[str, float]]] = []

    def html(self) -> str:
        """Return a table of counters with their rates, and the slowest queries below it."""
        database = self._database
        if not database.started:
            self._seen.clear()
            return _table(database.url, [("state", "closed", "")])
        stats = database.stats()
        rates = self._rates(stats)
        lines = [_line(name, value, rates) for name, value in stats.items()]
        return _table(database.url, lines) + _slow_table(self._slowest())

    def _rates(self, stats: dict[str, float]) -> dict[str, float]:
        now = self._clock()
        self._seen = [(at, held) for at, held in self._seen if now - at <= _WINDOW]
        self._seen.append((now, stats))
        began, before = self._seen[0]
        if now <= began:
            return {}
        return {
            name: (value - before.get(name, 0.0)) / (now - began)
            for name, value in stats.items()
            if name.endswith("_total")
        }

    def _slowest(self) -> list[SlowQuery]:
        # A query log is not part of every database; one that keeps times offers `slowest(count)`.
        slowest: Any = getattr(getattr(self._database, "log", None), "slowest", None)
        if slowest is None:
            return []
        return list(cast("Iterable[SlowQuery]", slowest(_QUERIES)))


def _line(name: str, value: float, rates: dict[str, float]) -> tuple[str, str, str]:
    if "seconds" in name:
        rate = rates.get(name)
        return readable(name), duration(value), "" if rate is None else f"{rate:.1%} of the time"
    rate = rates.get(name)
    return readable(name), f"{value:,.10g}", "" if rate is None else f"{rate:,.1f} per second"


def _table(title: str, lines: list[tuple[str, str, str]]) -> str:
    rows = "".join(
        f"<tr><th style='{_LEFT}'>{escape(name)}</th><td style='{_RIGHT}'>{escape(value)}</td>"
        f"<td style='{_RIGHT}'>{escape(rate)}</td></tr>"
        for name, value, rate in lines
    )
    return f"<table><caption style='text-align:left'>{escape(title)}</caption>{rows}</table>"


def _slow_table(queries: list[SlowQuery]) -> str:
    if not queries:
        return ""
    rows = "".join(
        f"<tr><td style='{_RIGHT}'>{escape(duration(query.seconds))}</td>"
        f"<td style='{_LEFT}'><code>{escape(_cut(query.sql))}</code></td>"
        f"<td style='{_LEFT}'>{escape(str(getattr(query, 'source', None) or ''))}</td></tr>"
        for query in queries
    )
    return f"<table><caption style='text-align:left'>slowest queries</caption>{rows}</table>"


def _cut(sql: str) -> str:
    line = " ".join(sql.split())
    return line if len(line) <= _SQL else f"{line[: _SQL - 1]}…"
