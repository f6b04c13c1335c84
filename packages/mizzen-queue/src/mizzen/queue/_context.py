"""The job that is running here."""

from __future__ import annotations

from contextvars import ContextVar
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ._errors import QueueError
from ._records import CurrentJob, Desk, Job

if TYPE_CHECKING:
    from .abc import Claimed

__all__ = ["current_job"]


def current_job() -> CurrentJob:
    """The job that is running in this task or thread; QueueError outside of one."""
    job = running.get()
    if job is None:
        raise QueueError("no job is running here: current_job() works inside a job's function")
    return job


running: ContextVar[CurrentJob | None] = ContextVar("mizzen.queue.running", default=None)


def begin(claimed: Claimed, desk: Desk) -> CurrentJob:
    """The job as its own function sees it."""
    return CurrentJob(
        claimed.id,
        claimed.kind,
        claimed.queue,
        claimed.attempt + 1,
        claimed.max_attempts,
        claimed.priority,
        datetime.fromtimestamp(claimed.created_at, UTC),
        desk,
    )


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
