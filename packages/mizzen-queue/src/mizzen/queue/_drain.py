"""Run all jobs that are due, one after the other, in the caller's own task: for tests."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from ._crew import Crew
from ._errors import JobFailed, QueueError
from ._place import Places
from ._process import introduce
from ._reports import report
from .abc import OPEN, Ack, Claimed

if TYPE_CHECKING:
    from collections.abc import Generator

    from ._attempt import Slot
    from ._queue import Queue
    from ._records import Job
    from .abc import Outcome, Step

__all__ = ["Errors", "Ran"]

Errors = Literal["raise", "keep"]

# A test whose jobs enqueue one another without end should fail, and not hang.
_MOST_IN_A_TEST = 10_000
# What follows from an ack, or is due, may be promoted by one step and claimed by the next only.
_STEPS = 5


@dataclass(frozen=True)
class Ran:
    """An attempt that `drain` made: its job's `id`, its outcome, and what came of it."""

    id: int
    kind: str
    attempt: int
    outcome: Outcome
    """`done`, `retry` (it failed, and will run again), `dead` or `cancelled`."""
    result: Any = None
    """What a job that is done returned, as it comes back from JSON."""
    error: str | None = None
    """The first line of the failure."""


async def drain(queue: Queue, errors: Errors, *, at_once: bool = False) -> list[Ran]:
    """Run what is due until nothing is; with *at_once*, past limits and pauses between attempts.

    With *errors* `"raise"` the first failure ends it: the store knows of it, and it is raised.
    """
    runner = _Runner(queue, at_once, no_pauses=at_once and errors == "keep")
    ran: list[Ran] = []
    await runner.enter()
    try:
        if queue.rehearsal is not None:
            await queue.rehearsal.tick()
        while (claimed := await runner.next()) is not None:
            ran.append(await runner.run(claimed))
            if runner.failure is not None and errors == "raise":
                await runner.settle()
                raise runner.failure
            if queue.rehearsal is not None and len(ran) >= _MOST_IN_A_TEST:
                await runner.settle()
                raise QueueError(f"{len(ran):,} jobs ran, and there are more: do they end?")
    finally:
        await runner.leave()
    return ran


class _Runner(Crew):
    """A worker that is no task of its own, and holds one job at a time."""

    def __init__(self, queue: Queue, at_once: bool, *, no_pauses: bool) -> None:
        from anyio import CapacityLimiter

        super().__init__(queue, 1, CapacityLimiter(1), asyncio.Event())
        self.places = Places(CapacityLimiter(1), here=True)
        self.failure: BaseException | None = None
        self._at_once, self._no_pauses = at_once, no_pauses
        self._outer = 0

    async def enter(self) -> None:
        """Say hello to the store."""
        self._me = await asyncio.to_thread(introduce)
        await self._queue.store.heartbeat(self._me)

    async def leave(self) -> None:
        """Say goodbye; a job that was interrupted by a cancellation of the caller goes back."""
        await self.places.aclose()
        await self._queue.store.leave(self._me.id)

    async def next(self) -> Claimed | None:
        """Tell of the last job, and claim the next."""
        for _ in range(_STEPS):
            told = bool(self.acks)
            step = await self._step(1)
            if step.claimed:
                return step.claimed[0]
            now = self._queue.store.clock()
            if not told and (step.next_due is None or step.next_due > now):
                break
        return None

    async def settle(self) -> None:
        """Tell of the last job, and claim none."""
        await self._step(0)

    async def _step(self, want: int) -> Step:
        sent, self.acks = self.acks, []
        store, jobs = self._queue.store, self._queue.jobs
        gates = {kind: OPEN if self._at_once else job.gate for kind, job in jobs.items()}
        acks = [ack for ack, _ in sent]
        step = await store.step(self._me.id, acks, want if gates else 0, gates, None, 1)
        report(self._queue, sent, step.refused)
        return step

    async def run(self, claimed: Claimed) -> Ran:
        """Run one attempt here; `failure` is what it raised, if it did."""
        slot = self._slots[0]
        self._sit_down(slot)
        with self._deadlines(claimed):
            await self._run_one(slot, claimed)
        if told := self.take_progress():
            await self._queue.store.report(told)
        ack, job = self.acks[-1]
        if ack.outcome in ("done", "cancelled"):
            self.failure = None
        elif isinstance(self.failure, asyncio.CancelledError):  # of its timeout
            message, _, traceback = (ack.error or "").partition("\n")
            self.failure = JobFailed(f"job {claimed.id} ({claimed.kind}): {message}", traceback)
        if ack.outcome == "retry" and self._no_pauses:
            ack.run_at = self._queue.store.clock()
        return self._ran(claimed, ack, job)

    def _sit_down(self, slot: Slot) -> None:
        slot.task, self.failure = asyncio.current_task(), None
        self._outer = slot.task.cancelling() if slot.task is not None else 0

    @contextlib.contextmanager
    def _deadlines(self, claimed: Claimed) -> Generator[None]:
        if self._queue.jobs[claimed.kind].timeout is None:
            yield
            return
        watching = asyncio.create_task(self._watch_deadlines())
        try:
            yield
        finally:
            watching.cancel()

    def _is_ending(self) -> bool:
        # Asked while what the job raised is handled. What nobody of us interrupted, and came
        # with a cancellation of the task, is meant for the caller.
        self.failure = sys.exc_info()[1]
        slot = self._slots[0]
        if slot.interrupted is not None or slot.task is None:
            return False
        cancelled = isinstance(self.failure, asyncio.CancelledError)
        return cancelled and slot.task.cancelling() > self._outer

    def _ran(self, claimed: Claimed, ack: Ack, job: Job | None) -> Ran:
        attempt = claimed.attempt + 1 if job is None else job.attempt
        result = None
        if ack.result is not None:
            result = self._queue.jobs[claimed.kind].arguments.decode_result(ack.result)
        error = (ack.error or "").partition("\n")[0] or None
        return Ran(claimed.id, claimed.kind, attempt, ack.outcome, result, error)
