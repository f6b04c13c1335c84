"""What can go wrong, sorted by what the caller can do about it."""

from __future__ import annotations

import asyncio

__all__ = [
    "BadArguments",
    "BadJob",
    "BadResult",
    "BadSchedule",
    "ClaimLost",
    "GiveUp",
    "JobCancelled",
    "JobFailed",
    "NotStarted",
    "QueueError",
    "ResultTimeout",
    "StoreBusy",
    "StoreError",
    "UnknownJob",
]


class QueueError(Exception):
    """Anything that mizzen.queue raises on purpose."""


class NotStarted(QueueError):
    """The queue or worker is used outside `start()` … `aclose()`: start it."""


class BadJob(QueueError):
    """A function can't be a job as it is written: change the definition."""


class BadSchedule(QueueError):
    """A schedule can't be read, or never comes: change its definition."""


class BadArguments(QueueError):
    """A call doesn't fit the job's parameters, or JSON can't carry it: change the call."""


class BadResult(QueueError):
    """The job finished, but returned something that JSON can't carry."""


class ClaimLost(QueueError):
    """What this run of a job still writes is refused: another worker has the job by now."""


class GiveUp(QueueError):
    """Raise it inside a job to dead-letter it at once, without further attempts."""


class UnknownJob(QueueError):
    """No job has this id: it never committed, or history has dropped it."""


class JobFailed(QueueError):
    """The job ended in the dead-letter state; `traceback` holds the text of its last failure."""

    def __init__(self, message: str, traceback: str = "") -> None:
        super().__init__(message, traceback)
        self.message = message
        self.traceback = traceback

    def __str__(self) -> str:
        return self.message


class Interrupted(asyncio.CancelledError):
    """Ends a run that is nobody's fault; the job is queued again, uncharged."""


class JobCancelled(QueueError):
    """The job was cancelled before it ran."""


class ResultTimeout(QueueError, TimeoutError):
    """The job hasn't ended yet: wait longer, or ask again later."""


class StoreError(QueueError):
    """The database refused or failed; nothing was changed by the operation."""


class StoreBusy(StoreError):
    """Another writer held the database for too long: try again."""
