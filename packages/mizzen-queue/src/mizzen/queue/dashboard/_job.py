"""One job: what it was given, how it went, and what can be done about it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import msgspec

from .._records import Progress
from ._http import Refused
from ._layout import Page, badge, button, facts, moment, number, span
from ._markup import Content, Markup, el, join
from ._redact import pretty, shortened, without_passwords

if TYPE_CHECKING:
    from .._queue import Queue
    from ..abc import Record
    from ._http import Request


async def show(q: Queue, request: Request, id: int) -> Page:
    """Return the page of a job; refuses one that is unknown."""
    job = await q.store.find(id)
    if job is None:
        raise Refused(404, f"There is no job {id}: history dropped it, or it never committed.")
    main = join(
        [
            el("h1", f"#{job.id} {job.kind} ", badge(job.status)),
            el("div", *_buttons(q, request, job), class_="buttons"),
            _progress(job),
            _facts(request, job, q.store.clock()),
            *await asyncio.to_thread(_texts, job),  # arguments may be megabytes
        ]
    )
    return Page(f"#{job.id} {job.kind}", main, live=job.finished_at is None)


def _buttons(q: Queue, request: Request, job: Record) -> list[Content]:
    def does(label: str, action: str, ask: str | None = None) -> Markup:
        look = "danger" if ask else None
        return button(request, label, "jobs", job.id, action, ask=ask, look=look)

    if job.finished_at is None:
        return [does("Cancel", "cancel", f"Cancel job {job.id}?")]
    buttons: list[Content] = []
    if job.status == "dead":
        buttons.append(does("Requeue", "retry"))
    if job.status == "cancelled":
        buttons.append(does("Retry", "retry"))
    if job.kind in q.jobs:
        buttons.append(does("Run a copy", "again"))
    return [*buttons, does("Delete", "delete", f"Delete job {job.id} from history?")]


def _progress(job: Record) -> Markup | None:
    if job.progress is None:
        return None
    told = msgspec.json.decode(job.progress, type=Progress)
    words = number(told.done) + (f" of {number(told.total)}" if told.total else "")
    bar = el("progress", value=told.fraction, max=1) if told.fraction is not None else None
    return el("div", bar, el("span", words), el("span", told.note), class_="progress")


def _facts(request: Request, job: Record, now: float) -> Markup:
    took = None
    if job.started_at is not None and job.finished_at is not None:
        took = span(job.finished_at - job.started_at)
    return facts(
        queue=el("a", job.queue, href=request.url("jobs", queue=job.queue)),
        kind=el("a", job.kind, href=request.url("jobs", kind=job.kind)),
        priority=job.priority,
        attempts=f"{job.attempt} of {job.max_attempts}",
        enqueued=moment(job.created_at, now),
        due=moment(job.run_at, now),
        started=moment(job.started_at, now),
        ended=moment(job.finished_at, now),
        took=took,
    )


def _texts(job: Record) -> list[Content]:
    texts: list[Content] = [el("h2", "Arguments"), el("pre", pretty(job.args))]
    if job.error:
        first, _, rest = job.error.partition("\n")
        title = "Error" if job.status in ("dead", "cancelled") else "Error of the last attempt"
        texts.append(el("h2", title))
        texts.append(el("p", shortened(without_passwords(first)), class_="error"))
        if rest.strip():
            texts.append(el("pre", shortened(without_passwords(rest.strip("\n")))))
    if job.result is not None:
        texts += [el("h2", "Result"), el("pre", pretty(job.result))]
    if job.meta:
        texts += [el("h2", "Notes of the queue"), el("pre", pretty(job.meta))]
    return texts
