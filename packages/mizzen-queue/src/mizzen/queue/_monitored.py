"""What a store tells of its jobs and workers, and what it does to many jobs at once.

No `from __future__ import annotations` here: msgspec looks the types of fields up in the module
that a class says it is from, and these say the public one.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol, runtime_checkable

from msgspec import Struct

from .abc import Record, Status

__all__ = ["Filter", "Minute", "Monitored", "Tally", "WorkerRecord"]


class Filter(Struct, frozen=True):
    """Which jobs: None means all."""

    status: Status | None = None
    queue: str | None = None
    kind: str | None = None


class Tally(Struct, frozen=True):
    """How many jobs of one kind stand in one queue with one status.

    `oldest` is when the first of those that are queued was enqueued, in Unix seconds.
    """

    queue: str
    kind: str
    status: Status
    count: int
    oldest: float | None = None


class Minute(Struct, frozen=True):
    """How many jobs ended within the minute that began `at`."""

    at: datetime
    done: int = 0
    dead: int = 0
    cancelled: int = 0


class WorkerRecord(Struct, frozen=True):
    """A worker on record: where it runs, its last sign of life, and how many jobs it holds."""

    id: int
    host: str
    pid: int
    beat_at: float
    held: int


@runtime_checkable
class Monitored(Protocol):
    """A store that can be watched; what it promises is in `mizzen.queue.testing_monitoring`."""

    async def list(
        self, which: Filter, limit: int, before: int | None, brief: bool
    ) -> Sequence[Record]:
        """The newest jobs with ids below *before*, the newest first.

        When *brief*, without arguments, result and meta, and with the error's beginning only.
        """
        ...

    async def tally(self) -> Sequence[Tally]:
        """Counts of all jobs by queue, kind and status, in one go."""
        ...

    async def ended(self, first: int, last: int) -> Sequence[tuple[int, Status, int]]:
        """How many jobs ended in each minute (since 1970) from *first* to *last*, by status.

        In any order; minutes in which nothing ended are left out.
        """
        ...

    async def on_record(self) -> Sequence[WorkerRecord]:
        """The workers that have said they live, and were not found dead."""
        ...

    async def cancel_many(self, ids: Sequence[int]) -> dict[int, Status]:
        """As `Store.cancel`: what those were that had not ended."""
        ...

    async def retry_many(self, ids: Sequence[int]) -> int:
        """As `Store.retry`: how many were dead or cancelled, and are queued now."""
        ...

    async def delete(self, ids: Sequence[int], status: Status | None) -> int:
        """Forget those that have ended (with *status*); how many."""
        ...
