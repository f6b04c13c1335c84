"""How a queue behaves in a test: no worker, no waiting, and a clock that stands still."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Self

import msgspec

from ._clock import FrozenClock
from ._drain import drain
from ._ticker import Ticker
from .stores.memory import MemoryStore

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ._drain import Errors
    from ._queue import Queue
    from ._records import Event
    from .abc import Inserted, NewJob, Store

__all__ = ["Rehearsal"]

# Who waits for a result waits for a `drain` in another task, if at all.
_PATIENCE = 1.0


class Rehearsal:
    """What `with q.testing(…)` gives: `clock`, which moves when told to."""

    def __init__(
        self,
        queue: Queue,
        mode: Literal["inline", "drain"],
        errors: Errors,
        memory: bool,
        clock: FrozenClock | None,
    ) -> None:
        if mode not in ("inline", "drain"):
            raise ValueError(f'testing({mode!r}): write "inline" or "drain"')
        if errors not in ("raise", "keep"):
            raise ValueError(f'testing(errors={errors!r}): write "raise" or "keep"')
        outer = queue.rehearsal
        self.mode: Literal["inline", "drain"] = mode
        self.errors: Errors = errors
        if clock is None:
            clock = FrozenClock(queue.store.clock()) if outer is None else outer.clock
        self.clock: FrozenClock = clock
        # In their order. SQLite gives the ids of what was rolled back again.
        self.enqueued: dict[int, None] = {}
        self._queue, self._outer, self._memory = queue, outer, memory
        self._ticked_at = clock()
        self._store: tuple[Store, bool] | None = None

    def __enter__(self) -> Self:
        queue = self._queue
        in_memory = isinstance(queue.store, MemoryStore)
        if self._memory or in_memory:
            store = queue.store if in_memory else MemoryStore()
            self._store = queue.swap(store, started=True)
        self._real_clock = queue.store.clock
        _set_clock(queue.store, self.clock)
        self.ticker: Ticker = Ticker(queue)
        queue.rehearsal = self
        self._stop_listening = queue.on("enqueued", self._enqueued)
        return self

    def __exit__(self, *_: object) -> None:
        queue = self._queue
        self._stop_listening()
        queue.rehearsal = self._outer
        _set_clock(queue.store, self._real_clock)
        if self._store is not None:
            store, started = self._store
            queue.swap(store, started=started)

    def _enqueued(self, event: Event) -> None:
        self.enqueued[event.job.id] = None

    def timed(self, jobs: Sequence[NewJob]) -> Sequence[NewJob]:
        """The jobs as they are to be stored: inline, nothing waits for its time."""
        if self.mode == "drain":
            return jobs
        return [msgspec.structs.replace(job, run_at=0.0) for job in jobs]

    async def inserted(self, inserted: Inserted, tx: object) -> None:
        """Remember the jobs; inline, run them, unless they wait for their transaction."""
        # An event tells of others, too, but not of those in a transaction that can't say its end.
        self.enqueued |= {id: None for id in inserted.ids if id not in inserted.found}
        if self.mode == "inline" and tx is None:
            await drain(self._queue, self.errors, at_once=True)

    async def tick(self) -> None:
        """Fire the schedules, each time in its turn, as if the clock had not jumped."""
        schedules = self._queue.timetable.values()
        if not schedules:
            return
        clock, end = self.clock, self.clock()
        clock.set(min(self._ticked_at, end))
        try:
            await self.ticker.tick()
            while (following := min(each.after(clock()) for each in schedules)) <= end:
                clock.set(following)
                await self.ticker.tick()
        finally:
            clock.set(end)
            self._ticked_at = end

    def patience(self, limit: float | None) -> float | None:
        """How long to wait for a result; without a worker, not for long."""
        if self._queue.workers:
            return limit
        return _PATIENCE if limit is None else min(limit, _PATIENCE)

    def __repr__(self) -> str:
        return f"<mizzen.queue.testing {self.mode} at {self.clock.now():%Y-%m-%d %H:%M:%S} UTC>"


def _set_clock(store: Any, clock: Any) -> None:
    store.clock = clock
