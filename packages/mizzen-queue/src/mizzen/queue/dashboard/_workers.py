"""The workers of all nodes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._layout import Page, moment, number, table
from ._markup import Content, el, join

if TYPE_CHECKING:
    from .._queue import Queue
    from ._http import Request


async def show(q: Queue, _: Request) -> Page:
    """Return who claims jobs, and what they hold."""
    now = q.store.clock()
    rows: list[list[Content]] = [
        [
            f"{worker.id:x}"[:8],
            worker.host.partition(":")[0],
            str(worker.pid),
            number(worker.held),
            moment(worker.beat_at, now),
        ]
        for worker in await q.workers_alive()
    ]
    heads = ["worker", "machine", "process", "jobs held", "last sign of life"]
    empty = "Nobody works: start a worker, and what is queued will run."
    return Page("Workers", join([el("h1", "Workers"), table(heads, rows, empty)]), live=True)
