"""The list of jobs: filtered, by pages, and what can be done to all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

from .._monitored import Filter
from ..abc import Status
from ._http import Refused
from ._layout import Page, badge, button, moment, number, table
from ._markup import Content, Markup, el, join
from ._redact import without_passwords

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .._queue import Queue
    from ..abc import Record
    from ._http import Request

_PAGE = 50
_STATUSES: tuple[Status, ...] = get_args(Status)
_FOR_ALL: dict[Status | None, tuple[str, ...]] = {
    None: (),
    "queued": ("cancel",),
    "scheduled": ("cancel",),
    "running": ("cancel",),
    "done": ("delete",),
    "dead": ("retry", "delete"),
    "cancelled": ("retry", "delete"),
}


def read_filter(words: Mapping[str, str]) -> Filter:
    """Return which jobs a query or a form means."""
    status = words.get("status") or None
    if status is not None and status not in _STATUSES:
        raise Refused(400, f"No job is {status!r}.")
    return Filter(status, words.get("queue") or None, words.get("kind") or None)


async def show(q: Queue, request: Request) -> Page:
    """Return one page of the jobs that meet the filter."""
    which = read_filter(request.query)
    before = request.query.get("before", "")
    if before and not (before.isascii() and before.isdigit() and len(before) <= 18):
        raise Refused(400, "before= is the id of a job.")
    found = await q.list(
        status=which.status,
        queue=which.queue,
        kind=which.kind,
        limit=_PAGE + 1,
        before=int(before) if before else None,
        brief=True,
    )
    shown, more = found[:_PAGE], found[_PAGE:]
    now = q.store.clock()
    heads = ["job", "status", "kind", "queue", "attempts", "when", "error"]
    main = join(
        [
            el("h1", "Jobs"),
            _form(q, request, which),
            await _for_all(q, request, which) if shown else None,
            table(heads, [_row(request, job, now) for job in shown], "There are no such jobs."),
            _turn(request, which, before, shown[-1].id if more else None),
        ]
    )
    return Page("Jobs", main)


def _row(request: Request, job: Record, now: float) -> list[Content]:
    error = (job.error or "").partition("\n")[0] if job.status != "done" else ""
    return [
        el("a", f"#{job.id}", href=request.url("jobs", job.id)),
        badge(job.status),
        job.kind,
        job.queue,
        f"{job.attempt} of {job.max_attempts}",
        moment(job.finished_at or job.run_at or job.created_at, now),
        el("span", without_passwords(error), class_="error") if error else None,
    ]


def _form(q: Queue, request: Request, which: Filter) -> Markup:
    choices = [el("option", "any status", value="")] + [
        el("option", status, value=status, selected=status == which.status) for status in _STATUSES
    ]
    kinds = [el("option", value=kind) for kind in sorted(q.jobs)]
    return el(
        "form",
        el("select", *choices, name="status", aria_label="status"),
        el("input", name="queue", value=which.queue, placeholder="queue", aria_label="queue"),
        el(
            "input",
            name="kind",
            value=which.kind,
            placeholder="kind",
            aria_label="kind",
            list="kinds",
        ),
        el("datalist", *kinds, id="kinds"),
        el("button", "Filter"),
        method="get",
        action=request.url("jobs"),
        class_="filter",
    )


async def _for_all(q: Queue, request: Request, which: Filter) -> Markup | None:
    if which.status is None:
        return None
    count = (await q.counts(queue=which.queue, kind=which.kind))[which.status]
    buttons = [
        button(
            request,
            f"{action.capitalize()} all {number(count)}",
            "jobs",
            ask=f"{action.capitalize()} all {number(count)} {which.status} jobs of this list?",
            look="danger" if action != "retry" else None,
            action=action,
            status=which.status,
            queue=which.queue,
            kind=which.kind,
        )
        for action in _FOR_ALL[which.status]
    ]
    return el("div", *buttons, class_="buttons")


def _turn(request: Request, which: Filter, before: str, last: int | None) -> Markup:
    words = {"status": which.status, "queue": which.queue, "kind": which.kind}
    return el(
        "nav",
        el("a", "« Newest", href=request.url("jobs", **words)) if before else None,
        el("a", "Older »", href=request.url("jobs", **words, before=last)) if last else None,
        class_="turn",
    )
