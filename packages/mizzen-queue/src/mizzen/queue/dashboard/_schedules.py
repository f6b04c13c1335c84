"""The schedules of this program, if its queue has any."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._http import Refused
from ._layout import Page, badge, button, moment, table
from ._markup import Content, el, join

if TYPE_CHECKING:
    from .._queue import Queue
    from ._http import Request


async def show(q: Queue, request: Request) -> Page:
    """Return when what is enqueued."""
    schedules: Any = getattr(q, "schedules", None)
    if schedules is None:
        raise Refused(404, "There are no schedules.")
    now = q.store.clock()
    rows: list[list[Content]] = [_row(request, each, now) for each in await schedules()]
    heads = ["schedule", "when", "job", "last", "next", ""]
    empty = "No schedules are defined."
    return Page("Schedules", join([el("h1", "Schedules"), table(heads, rows, empty)]), live=True)


def _row(request: Request, each: Any, now: float) -> list[Content]:
    last = moment(each.last_fire.timestamp(), now) if each.last_fire else "never"
    if each.last_job is not None:
        last = el("a", last, href=request.url("jobs", each.last_job))
    action = "resume" if each.paused else "pause"
    return [
        [each.name, badge("paused") if each.paused else None],
        [el("code", each.when), el("small", each.tz) if each.tz else None],
        el("a", each.kind, href=request.url("jobs", kind=each.kind)),
        last,
        moment(each.next_fire.timestamp(), now) if each.next_fire else "—",
        button(request, action.capitalize(), "schedules", action, name=each.name),
    ]
