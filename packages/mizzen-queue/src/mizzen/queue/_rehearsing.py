"""What a queue does in a test, or wherever its jobs are to run without a worker."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, cast

if TYPE_CHECKING:
    from ._clock import FrozenClock
    from ._drain import Errors, Ran
    from ._queue import Queue
    from ._rehearsal import Rehearsal
    from .abc import Store


class Rehearsing:
    """The part of `Queue` that runs jobs right here."""

    store: Store
    rehearsal: Rehearsal | None = None
    _started: bool

    def require_started(self) -> None:
        raise NotImplementedError

    def testing(
        self,
        mode: Literal["inline", "drain"] = "drain",
        *,
        errors: Errors = "raise",
        memory: bool = False,
        clock: FrozenClock | None = None,
    ) -> Rehearsal:
        """For tests: within `with q.testing() as test:` no worker is needed, and nothing sleeps.

        In `"drain"`, jobs wait until `await q.drain()`; `test.clock.advance("1h")` makes delayed
        ones due. In `"inline"`, `enqueue` runs the job at once, in the caller's task, whatever
        its delay or limits; one with `tx=` waits for the next `drain` or `enqueue`. A job's error
        is raised there, or with *errors* `"keep"` told by its handle; then inline attempts follow
        one another without a pause. With *memory* the jobs are kept in memory, and not in the
        queue's database. Time stands still, now or where *clock* says.
        """
        from ._rehearsal import Rehearsal

        return Rehearsal(cast("Queue", self), mode, errors, memory, clock)

    async def drain(self, *, errors: Errors | None = None) -> list[Ran]:
        """Run all jobs that are due, one by one, in the caller's task; what ran, in its order.

        Jobs that they enqueue run too. Those that fail wait for their next attempt, as always,
        and the first failure is raised, unless *errors* is `"keep"`.
        """
        self.require_started()
        from ._drain import drain

        usual: Errors = "raise" if self.rehearsal is None else self.rehearsal.errors
        return await drain(cast("Queue", self), errors or usual)

    def swap(self, store: Store, *, started: bool) -> tuple[Store, bool]:
        """Go on with another store; returns the former, and whether it was started."""
        former = self.store, self._started
        self.store, self._started = store, started
        return former
