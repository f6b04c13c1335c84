"""The job that is running here."""

from __future__ import annotations

from contextvars import ContextVar
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from msgspec import Struct

from ._errors import QueueError

if TYPE_CHECKING:
    from .abc import Claimed

__all__ = ["Job", "current_job"]


class Job(Struct, frozen=True, gc=False):
    """A job as its function and the event handlers see it; `attempt` counts from 1."""

    id: int
    kind: str
    queue: str
    attempt: int
    max_attempts: int
    priority: int
    created_at: datetime

    @property
    def is_last_attempt(self) -> bool:
        """Whether a failure now would dead-letter it."""
        return self.attempt >= self.max_attempts


def current_job() -> Job:
    """The job that is running in this task or thread; QueueError outside of one."""
    job = running.get()
    if job is None:
        raise QueueError("no job is running here: current_job() works inside a job's function")
    return job


running: ContextVar[Job | None] = ContextVar("mizzen.queue.running", default=None)


def job_of(claimed: Claimed) -> Job:
    """The public face of a claimed job, in the attempt that is about to start."""
    return Job(
        claimed.id,
        claimed.kind,
        claimed.queue,
        claimed.attempt + 1,
        claimed.max_attempts,
        claimed.priority,
        datetime.fromtimestamp(claimed.created_at, UTC),
    )
