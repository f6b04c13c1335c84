"""What is told about jobs: to their own function, and to those who listen.

No `from __future__ import annotations` here: msgspec looks the types of fields up in the module
that a class says it is from, and these say the public one.
"""

from datetime import datetime
from typing import Literal

from msgspec import Struct

__all__ = ["Event", "EventName", "Job"]

EventName = Literal["enqueued", "started", "succeeded", "failed", "retried", "dead"]


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


class Event(Struct, frozen=True):
    """`name` happened to `job`; `error` is the failure's first line, `seconds` the run's length."""

    name: EventName
    job: Job
    error: str | None = None
    seconds: float | None = None
