"""What is told about jobs: to their own function, and to those who listen.

No `from __future__ import annotations` here: msgspec looks the types of fields up in the module
that a class says it is from, and these say the public one.
"""

import functools
from collections.abc import AsyncIterable, Awaitable, Callable, Iterable
from datetime import datetime
from typing import Any, Literal, ParamSpec, TypeVar, overload

from msgspec import Struct

from ._completion import Completion
from ._iterate import Iteration
from ._ledger import Ledger, Origin, ledger_of
from ._steps import step, step_sync
from ._units import Duration, seconds

__all__ = ["CurrentJob", "Event", "EventName", "Job", "Progress"]

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")

EventName = Literal["enqueued", "started", "succeeded", "failed", "retried", "dead", "cancelled"]


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


class Progress(Struct, frozen=True):
    """How far a job is: `done` of `total`, when that is known, and a word on what it does."""

    done: float
    total: float | None = None
    note: str = ""

    @property
    def fraction(self) -> float | None:
        """From 0 to 1; None without a total."""
        return min(1.0, self.done / self.total) if self.total else None


class Desk:
    """What a running attempt leaves for its worker, and the other way round."""

    __slots__ = ("cancelled", "draining", "ledger", "origin", "progress")

    def __init__(self) -> None:
        self.cancelled: bool = False
        self.draining: bool = False
        self.progress: Progress | None = None
        self.origin: Origin | None = None
        self.ledger: Ledger | None = None


class CurrentJob(Job, frozen=True, gc=False):
    """The job that is running here; its methods may be called from its thread, too."""

    desk: Desk

    @property
    def cancelled(self) -> bool:
        """Whether it is to end: cancelled, or past its timeout. A thread has to look by itself."""
        return self.desk.cancelled

    def progress(self, done: float, total: float | None = None, note: str = "") -> None:
        """Tell how far it is; cheap, as the store hears of it a few times a second."""
        self.desk.progress = Progress(done, total, note)

    @overload
    async def step(
        self, name: str, fn: Callable[P, Awaitable[R]], /, *args: P.args, **kwargs: P.kwargs
    ) -> R: ...
    @overload
    async def step(
        self, name: str, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs
    ) -> R: ...
    async def step(self, name: str, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        """Call *fn* and keep what it returns; a later run of the job is given that instead.

        The result is stored as JSON under *name*, and read as the type that *fn* is annotated to
        return. A plain *fn* runs in a thread. Raises ClaimLost in a run that another has replaced.
        """
        return await step(ledger_of(self.desk), name, functools.partial(fn, *args, **kwargs))

    @overload
    def step_sync(
        self, name: str, fn: Callable[P, Awaitable[R]], /, *args: P.args, **kwargs: P.kwargs
    ) -> R: ...
    @overload
    def step_sync(
        self, name: str, fn: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs
    ) -> R: ...
    def step_sync(self, name: str, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        """`step` for a job in a thread: it needs no `await`."""
        return step_sync(ledger_of(self.desk), name, functools.partial(fn, *args, **kwargs))

    @overload
    def iterate(
        self,
        source: Iterable[T] | AsyncIterable[T],
        *,
        name: str = "items",
        every: Duration = 1.0,
        total: float | None = None,
    ) -> Iteration[T]: ...
    @overload
    def iterate(
        self,
        source: Callable[[Any], Iterable[tuple[Any, T]] | AsyncIterable[tuple[Any, T]]],
        *,
        name: str = "items",
        every: Duration = 1.0,
        total: float | None = None,
    ) -> Iteration[T]: ...
    def iterate(
        self,
        source: Any,
        *,
        name: str = "items",
        every: Duration = 1.0,
        total: float | None = None,
    ) -> Iteration[Any]:
        """Go over *source*, and on from the same place in a later run: `async for`, or `for`.

        *source* gives the same items in the same order each time; or it is a function that yields
        pairs of a cursor and an item, and is called with the cursor of the last item that was
        handled (None at first). The place is kept *every* so often, when the job fails, and when
        the worker drains: then the job stops between two items, and goes on elsewhere. With a
        known *total* it tells its progress.
        """
        if isinstance(source, (set, frozenset)):
            raise TypeError("a set has another order in each process: iterate over sorted(…)")
        return Iteration(
            self, ledger_of(self.desk), source, name=name, every=seconds(every), total=total
        )

    def transaction(self, tx: Any) -> Completion:
        """Complete the job in *tx*, which holds its own writes: they commit together, or not.

        `async with job.transaction(session) as done:` (or `with`, in a thread) takes whatever
        `enqueue(tx=)` does, and doesn't commit. `done.result` is the job's result. ClaimLost, which
        rolls your writes back, in a run that another has replaced.
        """
        return Completion(ledger_of(self.desk), tx)


class Event(Struct, frozen=True):
    """`name` happened to `job`; `error` is the failure's first line, `seconds` the run's length."""

    name: EventName
    job: Job
    error: str | None = None
    seconds: float | None = None
