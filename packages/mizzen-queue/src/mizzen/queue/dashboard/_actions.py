"""What the buttons do. Each ends by sending the browser on to a page that says what was done."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from .._errors import QueueError, UnknownJob
from ._http import Refused, see_other
from ._jobs import read_filter

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from .._queue import Queue
    from ..abc import Status
    from ._http import Request, Response


async def on_job(q: Queue, request: Request, id: int, action: str) -> Response:
    """Do *action* to one job."""
    there = ("jobs", id)
    if action == "retry":
        done = await q.retry(id)
    elif action == "cancel":
        done = await q.cancel(id)
    elif action == "again":
        again = await _again(q, id)
        return see_other(request.url("jobs", again, did="again"))
    elif action == "delete":
        done = await q.delete(id)
        if done:
            return see_other(request.url("jobs", did="delete", n=1))
    else:
        raise Refused(404, "There is no such action.")
    return see_other(request.url(*there, did=action if done else "nothing"))


async def _again(q: Queue, id: int) -> int:
    """Enqueue what an ended job did once more, with its arguments, as a job of its own."""
    try:
        record = await q.handle(id).record()
    except UnknownJob as exc:
        raise Refused(404, str(exc)) from exc
    function = q.jobs.get(record.kind)
    if function is None:
        raise Refused(409, f"This program knows no job {record.kind!r}.")
    try:
        positional, named = function.arguments.decode(record.args)
        call = function(*positional, **named)
        handle = await call.enqueue(queue=record.queue, priority=record.priority)
    except QueueError as exc:
        raise Refused(409, str(exc)) from exc
    return int(handle.id)


async def on_many(q: Queue, request: Request) -> Response:
    """Retry, cancel or delete all jobs that meet a filter."""
    which = read_filter(request.form)
    action = request.form.get("action", "")
    narrowed: dict[str, Any] = {"queue": which.queue, "kind": which.kind}
    try:
        if action == "retry":
            count = await q.retry_all(status=which.status or "dead", **narrowed)
        elif action == "cancel":
            count = await q.cancel_all(status=which.status, **narrowed)
        elif action == "delete":
            count = await q.delete_all(status=cast("Status", which.status), **narrowed)
        else:
            raise Refused(404, "There is no such action.")
    except ValueError as exc:
        raise Refused(400, str(exc)) from exc
    return see_other(request.url("jobs", **_words(request), did=action, n=str(count)))


def _words(request: Request) -> dict[str, str]:
    return {name: request.form.get(name, "") for name in ("status", "queue", "kind")}


async def _pause(q: Queue, request: Request) -> Response:
    await q.pause(_named(request))
    return see_other(request.url(did="pause"))


async def _resume(q: Queue, request: Request) -> Response:
    await q.resume(_named(request))
    return see_other(request.url(did="resume"))


async def _pause_schedule(q: Queue, request: Request) -> Response:
    return await _on_schedule(q, request, "pause_schedule")


async def _resume_schedule(q: Queue, request: Request) -> Response:
    return await _on_schedule(q, request, "resume_schedule")


async def _on_schedule(q: Queue, request: Request, method: str) -> Response:
    change = getattr(q, method, None)
    if change is None:
        raise Refused(404, "There are no schedules.")
    try:
        await change(_named(request))
    except QueueError as exc:
        raise Refused(409, str(exc)) from exc
    return see_other(request.url("schedules", did=method.partition("_")[0]))


def _named(request: Request) -> str:
    name = request.form.get("name", "")
    if not name:
        raise Refused(400, "Which one?")
    return name


ACTIONS: dict[str, Callable[[Queue, Request], Awaitable[Response]]] = {
    "/jobs": on_many,
    "/queues/pause": _pause,
    "/queues/resume": _resume,
    "/schedules/pause": _pause_schedule,
    "/schedules/resume": _resume_schedule,
}
