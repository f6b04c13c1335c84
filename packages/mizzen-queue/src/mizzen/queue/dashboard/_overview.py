"""The first page: counts, the last hour, and the queues."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, get_args

from ..abc import Status
from ._layout import Page, button, number, span, table
from ._markup import Content, Markup, el, join

if TYPE_CHECKING:
    from .._monitored import Minute, Tally
    from .._queue import Queue
    from ._http import Request

_STATUSES: tuple[Status, ...] = get_args(Status)
_HEIGHT = 60


async def show(q: Queue, request: Request) -> Page:
    """Return the overview."""
    tallies, paused, minutes, workers = await asyncio.gather(
        q.tally(), q.paused(), q.throughput(60), q.workers_alive()
    )
    main = join(
        [
            el("h1", "Overview"),
            _cards(request, tallies, len(workers)),
            _hour(minutes),
            el("h2", "Queues"),
            _queues(q, request, tallies, paused),
            el("h2", "Kinds of jobs"),
            _kinds(request, tallies),
        ]
    )
    return Page("Overview", main, live=True)


def _cards(request: Request, tallies: list[Tally], workers: int) -> Markup:
    counts = dict.fromkeys(_STATUSES, 0)
    for tally in tallies:
        counts[tally.status] += tally.count
    cards = [
        el(
            "a",
            el("b", number(count)),
            el("span", status),
            class_=f"card {status if count else ''}",
            href=request.url("jobs", status=status),
        )
        for status, count in counts.items()
    ]
    alive = el(
        "a",
        el("b", number(workers)),
        el("span", "workers"),
        class_=f"card {'' if workers else 'dead'}",
        href=request.url("workers"),
    )
    return el("div", *cards, alive, class_="cards")


def _hour(minutes: list[Minute]) -> Markup:
    """Draw a bar for each minute: what failed for good stands on top of what was done."""
    most = max(1, *(minute.done + minute.dead for minute in minutes))
    bars: list[Content] = []
    for place, minute in enumerate(minutes):
        done, dead = (_HEIGHT * count / most for count in (minute.done, minute.dead))
        told = f"{minute.at:%H:%M} UTC: {minute.done:,} done, {minute.dead:,} dead"
        for height, top, name in (
            (done, _HEIGHT - done, "done"),
            (dead, _HEIGHT - done - dead, "dead"),
        ):
            if height:
                size = {"x": place * 10 + 1, "y": f"{top:.2f}", "width": 8}
                bar = el("title", told)
                bars.append(el("rect", bar, class_=name, height=f"{height:.2f}", **size))
    *_, before, now = minutes
    words = (
        f"{now.done:,} done in this minute, {before.done:,} in the one before, "
        f"{sum(minute.done for minute in minutes):,} in the last hour; "
        f"{sum(minute.dead for minute in minutes):,} dead"
    )
    chart = el(
        "svg",
        *bars,
        viewBox=f"0 0 600 {_HEIGHT}",
        preserveAspectRatio="none",
        role="img",
        aria_label=words,
    )
    return el("figure", chart, el("figcaption", words))


def _queues(q: Queue, request: Request, tallies: list[Tally], paused: list[str]) -> Markup:
    names = {tally.queue for tally in tallies} | set(paused)
    names |= {function.queue for function in q.jobs.values()}
    rows: list[list[Content]] = []
    for name in sorted(names):
        mine = [tally for tally in tallies if tally.queue == name]
        oldest = min((tally.oldest for tally in mine if tally.oldest is not None), default=None)
        stopped = name in paused
        action = "resume" if stopped else "pause"
        rows.append(
            [
                [
                    el("a", name, href=request.url("jobs", queue=name)),
                    el("span", "paused", class_="badge paused") if stopped else None,
                ],
                *_counts(request, mine, queue=name),
                span(q.store.clock() - oldest) if oldest is not None else "—",
                button(request, action.capitalize(), "queues", action, name=name),
            ]
        )
    return table(["queue", *_STATUSES, "oldest waits", ""], rows, "No queue has had a job yet.")


def _kinds(request: Request, tallies: list[Tally]) -> Markup:
    rows: list[list[Content]] = [
        [
            el("a", kind, href=request.url("jobs", kind=kind)),
            *_counts(request, [tally for tally in tallies if tally.kind == kind], kind=kind),
        ]
        for kind in sorted({tally.kind for tally in tallies})
    ]
    return table(["kind", *_STATUSES], rows, "No job has been enqueued yet.")


def _counts(request: Request, tallies: list[Tally], **which: str) -> list[Content]:
    counts = {
        status: sum(tally.count for tally in tallies if tally.status == status)
        for status in _STATUSES
    }
    return [
        el("a", number(count), href=request.url("jobs", status=status, **which)) if count else "0"
        for status, count in counts.items()
    ]
