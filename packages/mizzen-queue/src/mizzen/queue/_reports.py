"""What an accepted ack means for this process: its counters, its events, and who waits for it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ._records import Event, EventName, Job

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from ._queue import Queue
    from .abc import Ack, Outcome, Record

# What each outcome is called; a failed attempt is told twice, as failed and as what follows.
_TOLD: dict[Outcome, EventName] = {
    "done": "succeeded",
    "cancelled": "cancelled",
    "retry": "retried",
    "dead": "dead",
}


def report(
    queue: Queue, sent: Iterable[tuple[Ack, Job | None]], refused: Collection[int] = ()
) -> None:
    """Count and tell how attempts ended, except those whose ack was *refused*."""
    for ack, job in sent:
        if ack.id in refused:
            queue.totals["refused_total"] += 1
            continue
        if job is None or ack.outcome == "release":
            continue
        took = None if ack.started_at is None else ack.finished_at - ack.started_at
        error = (ack.error or "").partition("\n")[0] if ack.outcome in ("retry", "dead") else None
        if error is not None:
            tell(queue, "failed", job, error, took)
        tell(queue, _TOLD[ack.outcome], job, error, took)
        if ack.outcome != "retry":
            queue.ended(ack.id)


def tell(
    queue: Queue, name: EventName, job: Job, error: str | None = None, took: float | None = None
) -> None:
    """Count an event, and call those who listen for it."""
    queue.totals[f"{name}_total"] += 1
    if queue.listeners.wanted(name):
        queue.listeners.emit(Event(name, job, error, took))


async def tell_cancelled(queue: Queue, id: int) -> None:
    """Tell of a job that was taken back before any worker had it."""
    record = await queue.store.find(id) if queue.listeners.wanted("cancelled") else None
    if record is not None:
        tell(queue, "cancelled", job_in(record))
    else:
        queue.totals["cancelled_total"] += 1
    queue.ended(id)


def job_in(record: Record) -> Job:
    """The public face of a job in the store."""
    return Job(
        record.id,
        record.kind,
        record.queue,
        max(1, record.attempt),
        record.max_attempts,
        record.priority,
        datetime.fromtimestamp(record.created_at, UTC),
    )
