"""One attempt at one job: call its function, and turn whatever happens into an ack."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, Literal

from ._child_process import FailedInChild
from ._context import begin, running
from ._errors import BadArguments, BadResult, GiveUp, Interrupted
from ._failure import told
from ._inputs import NoAnswer, with_results
from ._ledger import Origin, completed_before
from ._records import Desk
from .abc import Ack, Claimed, Store

if TYPE_CHECKING:
    from collections.abc import Callable

    from ._job import JobFunction
    from ._place import Places
    from ._records import Job

Reason = Literal["timeout", "abandon", "cancel", "ended"]

_OWN_FRAMES = 2


class Slot:
    """One of the worker's runner tasks, and the job that it is running."""

    def __init__(self) -> None:
        self.task: asyncio.Task[None] | None = None
        self.wakeup: asyncio.Future[None] | None = None
        self.job: Claimed | None = None
        self.deadline: float | None = None
        self.desk = Desk()
        self.interrupted: Reason | None = None

    def interrupt(self, reason: Reason) -> None:
        """Cancel the job, once; the runner task itself goes on."""
        if self.job is not None and self.interrupted is None and self.task is not None:
            self.interrupted, self.deadline = reason, None
            self.desk.cancelled = True
            self.task.cancel()

    def start_clock(self, timeout: float | None) -> None:
        """Interrupt the job in *timeout* seconds from now."""
        self.deadline = None if timeout is None else time.monotonic() + timeout

    def hold_still(self) -> None:
        """Let nobody interrupt what remains to be done for a job that has ended."""
        self.interrupted, self.deadline = self.interrupted or "ended", None

    def end(self) -> None:
        """Forget the job, and the cancellations that were meant for it."""
        self.job, self.deadline, self.interrupted = None, None, None
        while self.task is not None and self.task.cancelling():
            self.task.uncancel()


async def attempt(
    slot: Slot,
    claimed: Claimed,
    function: JobFunction[..., Any],
    places: Places,
    store: Store,
    closing: Callable[[], bool],
) -> tuple[Job, Ack]:
    """Run *claimed* in *slot*; never raises what the job raises, be it a CancelledError.

    Unless the worker itself is *closing*: then what ends the task passes through.
    """
    clock = store.clock
    slot.desk = Desk()
    slot.desk.origin = Origin(store, claimed, function, asyncio.get_running_loop())
    job = begin(claimed, slot.desk)
    ack = Ack(claimed.id, claimed.token, "done", job.attempt, started_at=clock())
    slot.job = claimed
    if function.timeout is not None:
        slot.start_clock(function.timeout)
    outer = running.set(job)
    try:
        try:
            if claimed.meta is not None:
                claimed = await with_results(store, claimed)
            if claimed.suspect and (completed := await completed_before(store, claimed)):
                ack.result, ack.error = completed.result, completed.error
            else:
                ack.result = await places.call(slot, claimed, function)
        except BadResult as exc:
            # The work is done, and doing it again would double it: only the result is lost.
            ack.error = str(exc)
        except BaseException as exc:
            if closing() or _is_collected(slot):
                raise
            _fail(ack, exc, slot, function, job, clock())
        if slot.desk.ledger is not None:
            slot.hold_still()
            await slot.desk.ledger.settle(ack)
    finally:
        running.reset(outer)
        slot.end()
    ack.finished_at = clock()
    return job, ack


def _is_collected(slot: Slot) -> bool:
    """Whether the coroutine is being thrown away, after the loop it ran on was left."""
    try:
        return asyncio.current_task() is not slot.task
    except RuntimeError:  # no loop runs
        return True


def _fail(
    ack: Ack,
    exc: BaseException,
    slot: Slot,
    function: JobFunction[..., Any],
    job: Job,
    now: float,
) -> None:
    stopped = slot.interrupted is None and isinstance(exc, (Interrupted, NoAnswer))
    if stopped or slot.interrupted == "abandon":
        ack.outcome = "release"
        return
    if slot.interrupted == "cancel":
        ack.outcome, ack.error = "cancelled", "Cancelled: while it ran"
        return
    final = isinstance(exc, (BadArguments, GiveUp))
    if slot.interrupted == "timeout":
        late = f"Timeout: the attempt took longer than {function.timeout:g} s"
        ack.error = told(exc, _OWN_FRAMES, late)
    elif isinstance(exc, FailedInChild):
        ack.error, final = exc.text, exc.final
    else:
        ack.error = told(exc, _OWN_FRAMES)
    if job.is_last_attempt or final:
        ack.outcome = "dead"
    else:
        ack.outcome = "retry"
        ack.run_at = now + function.retry.pause(job.attempt)
