"""Assertions on what was enqueued within `q.testing()`."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import msgspec

from ._errors import QueueError
from ._job import Call, JobFunction

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ._queue import Queue
    from .abc import Record, Status

__all__ = ["assert_enqueued", "assert_not_enqueued"]

Wanted = str | JobFunction[..., Any] | Call[Any] | None

_SHOWN = 10


async def assert_enqueued(
    q: Queue,
    job: Wanted = None,
    *,
    args: Mapping[str, object] | None = None,
    queue: str | None = None,
    status: Status | None = None,
    count: int | None = None,
) -> list[Record]:
    """Assert that such a job was enqueued since `q.testing()` began, and return all of them.

    *job* is a job function, its name, or a call with all its arguments; of *args*, those named
    are compared. *count* is how many there must be; at least one by default. Jobs whose
    transaction hasn't committed don't count; nor do cancelled ones, unless that is the *status*.
    """
    there = await _enqueued(q)
    found = [record for record in there if _is_such(q, record, job, args, queue, status)]
    if (count is None and found) or len(found) == count:
        return found
    wanted = "a job" if count is None else f"{count} {'job' if count == 1 else 'jobs'}"
    raise AssertionError(
        f"expected {wanted}{_described(job, args, queue, status)}; "
        f"{len(found) or 'none'} of {_listed(there)}"
    )


async def assert_not_enqueued(
    q: Queue,
    job: Wanted = None,
    *,
    args: Mapping[str, object] | None = None,
    queue: str | None = None,
    status: Status | None = None,
) -> None:
    """Assert that no such job was enqueued since `q.testing()` began; see assert_enqueued."""
    found = [r for r in await _enqueued(q) if _is_such(q, r, job, args, queue, status)]
    if found:
        raise AssertionError(
            f"expected no job{_described(job, args, queue, status)}, but there is {_listed(found)}"
        )


async def _enqueued(q: Queue) -> list[Record]:
    if q.rehearsal is None:
        raise QueueError(f"{q!r} isn't under test: write `with q.testing():` around what enqueues")
    found = await asyncio.gather(*(q.store.find(id) for id in q.rehearsal.enqueued))
    return [record for record in found if record is not None]


def _is_such(
    q: Queue,
    record: Record,
    job: Wanted,
    args: Mapping[str, object] | None,
    queue: str | None,
    status: Status | None,
) -> bool:
    if job is not None and record.kind != _kind(job):
        return False
    if isinstance(job, Call) and _given(q, record) != _plain(
        job.function.arguments.by_name(job.args)
    ):
        return False
    if args is not None:
        given = _given(q, record)
        if any(given.get(name, _Missing) != value for name, value in _plain(args).items()):
            return False
    if record.status != status if status is not None else record.status == "cancelled":
        return False
    return queue is None or record.queue == queue


class _Missing: ...


def _kind(job: str | JobFunction[..., Any] | Call[Any]) -> str:
    if isinstance(job, Call):
        return job.function.name
    return job if isinstance(job, str) else job.name


def _given(q: Queue, record: Record) -> dict[str, Any]:
    """The job's arguments as JSON knows them, with the function's defaults."""
    function = q.jobs.get(record.kind)
    if function is None:
        return msgspec.json.decode(record.args, type=dict[str, Any])
    return _plain(function.arguments.by_name(record.args))


def _plain(args: Mapping[str, object]) -> dict[str, Any]:
    return msgspec.json.decode(msgspec.json.encode(args), type=dict[str, Any])


def _described(
    job: Wanted, args: Mapping[str, object] | None, queue: str | None, status: Status | None
) -> str:
    words = ""
    if job is not None:
        words += f" {job!r}" if isinstance(job, Call) else f" {_kind(job)!r}"
    if args is not None:
        words += f" with {dict(args)!r}"
    if queue is not None:
        words += f" on queue {queue!r}"
    return words if status is None else f"{words} that is {status}"


def _listed(records: list[Record]) -> str:
    if not records:
        return "what was enqueued: nothing was"
    lines = [
        f"  {record.kind} {record.args} on queue {record.queue!r}, {record.status}"
        for record in records[:_SHOWN]
    ]
    more = f"\n  … and {len(records) - _SHOWN} more" if len(records) > _SHOWN else ""
    return "\n".join(["what was enqueued:", *lines]) + more
