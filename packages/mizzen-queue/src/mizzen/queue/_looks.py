"""What a live view shows at one moment: a bar, and a table in HTML."""

from __future__ import annotations

import html
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from ._display import html_table, queue_facts
from ._following import Following, Line, line_of
from ._monitored import Monitored

if TYPE_CHECKING:
    from ._queue import Queue
    from .abc import Status

_RUNNING_ASKED, _RUNNING_SHOWN, _FAILURES_SHOWN = 100, 8, 3

Style = Literal["info", "success", "danger"]


@dataclass(frozen=True)
class Look:
    """The bar's state and the table; after the last look, nothing changes any more."""

    done: float
    total: float
    style: Style
    html: str
    is_last: bool = False


class QueueLook:
    """A queue: its counts and rate, the jobs that are running, and the last that failed."""

    def __init__(self, queue: Queue) -> None:
        self._queue = queue
        self._ended: list[tuple[float, int]] = []

    async def __call__(self) -> Look:
        counts = await self._queue.counts()
        ended, total = counts["done"] + counts["dead"] + counts["cancelled"], sum(counts.values())
        # Once all is done there is no rate: the last one would slowly fade to a wrong number.
        self._ended = [] if ended == total else [*self._ended[-9:], (time.monotonic(), ended)]
        style: Style = "danger" if counts["dead"] else "success" if ended == total else "info"
        parts = [html_table(queue_facts(self._queue)), self._rate()]
        if isinstance(self._queue.store, Monitored):
            parts += [
                lines_html("running", await self._running(), counts["running"]),
                lines_html("failed", await self._lines("dead", _FAILURES_SHOWN), counts["dead"]),
            ]
        return Look(ended, max(1, total), style, "".join(parts))

    async def _running(self) -> list[Line]:
        # The newest are those that wait in a worker for their turn; who tells of progress runs.
        lines = await self._lines("running", _RUNNING_ASKED)
        return sorted(lines, key=lambda line: (line.progress is None, line.id))[:_RUNNING_SHOWN]

    async def _lines(self, status: Status, limit: int) -> list[Line]:
        found = await self._queue.list(status=status, limit=limit, brief=True)
        return [line_of(record) for record in found]

    def _rate(self) -> str:
        if len(self._ended) < 2:
            return ""
        (began, before), (now, ended) = self._ended[0], self._ended[-1]
        return f"<p>{max(0.0, (ended - before) / (now - began)):,.0f} jobs per second</p>"


class JobsLook:
    """Some jobs, until all of them have ended."""

    def __init__(self, following: Following) -> None:
        self._following = following

    async def __call__(self) -> Look:
        following = self._following
        await following.look()
        lines = following.lines(_RUNNING_SHOWN)
        done, total = float(following.ended), float(max(1, following.total))
        if following.total == 1 and lines and not lines[0].has_ended:
            done = lines[0].fraction or 0.0
        style: Style = "danger" if following.failed else "success" if done >= total else "info"
        facts = f"<p>{following.ended:,} of {following.total:,} jobs have ended"
        facts += f", {following.failed:,} failed</p>" if following.failed else "</p>"
        table = lines_html("jobs", lines, len(lines))
        if following.total > 1:
            table += lines_html("failed", following.failures, following.failed)
        return Look(done, total, style, facts + table, following.is_over)


def lines_html(title: str, lines: list[Line], of: int) -> str:
    """Jobs as an escaped table with bars; nothing when there is none."""
    if not lines:
        return ""
    rows = "".join(
        f"<tr><th style='text-align:left'>{html.escape(line.kind)} {line.id}</th>"
        f"<td>{_bar(line)}</td><td style='text-align:left'>{html.escape(line.words)}</td></tr>"
        for line in lines
    )
    more = f" ({len(lines):,} of {of:,})" if of > len(lines) else ""
    return f"<table><caption style='text-align:left'>{title}{more}</caption>{rows}</table>"


def _bar(line: Line) -> str:
    if line.fraction is None:
        return ""
    return f"<progress max='1' value='{line.fraction:.3f}'></progress> {line.fraction:.0%}"
