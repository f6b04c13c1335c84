"""One attempt at one job: call its function, and turn whatever happens into an ack."""

from __future__ import annotations

import asyncio
import functools
import time
import traceback
from typing import TYPE_CHECKING, Any, Literal

from ._context import begin, running
from ._errors import BadArguments, BadResult, GiveUp
from ._iterate import Interrupted
from ._ledger import Origin
from ._records import Desk
from .abc import Ack, Claimed, Store

if TYPE_CHECKING:
    from collections.abc import Callable

    from anyio import CapacityLimiter

    from ._job import JobFunction
    from ._records import Job

Reason = Literal["timeout", "abandon", "cancel", "ended"]

_LONGEST_TRACEBACK = 16_000


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
    limiter: CapacityLimiter,
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
        slot.deadline = time.monotonic() + function.timeout
    outer = running.set(job)
    try:
        result = await _call(function, claimed.args, limiter)
        ack.result = function.arguments.encode_result(result)
    except BadResult as exc:
        # The work is done, and doing it again would double it: only the result is lost.
        ack.error = str(exc)
    except BaseException as exc:
        if closing() or _is_collected(slot):
            raise
        _fail(ack, exc, slot, function, job, clock())
        if slot.desk.ledger is not None:
            slot.hold_still()
            await slot.desk.ledger.keep_places()
    finally:
        running.reset(outer)
        slot.end()
    ack.finished_at = clock()
    return job, ack


async def _call(function: JobFunction[..., Any], args: str, limiter: CapacityLimiter) -> object:
    positional, named = function.arguments.decode(args)
    if function.is_async:
        return await function.fn(*positional, **named)
    from anyio import to_thread

    # A thread can't be stopped: past its timeout the job counts as failed, and the thread runs on.
    result, error = await to_thread.run_sync(
        functools.partial(_captured, function.fn, positional, named),
        limiter=limiter,
        abandon_on_cancel=True,
    )
    if error is not None:
        raise error
    return result


def _captured(
    fn: Callable[..., object], positional: list[object], named: dict[str, object]
) -> tuple[object, BaseException | None]:
    # A future can't carry StopIteration, and GeneratorExit would close the runner it wakes.
    try:
        return fn(*positional, **named), None
    except BaseException as exc:
        return None, exc


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
    stopped = slot.interrupted is None and isinstance(exc, Interrupted)
    if stopped or slot.interrupted == "abandon":
        ack.outcome = "release"
        return
    if slot.interrupted == "cancel":
        ack.outcome, ack.error = "cancelled", "Cancelled: while it ran"
        return
    if slot.interrupted == "timeout":
        first = f"Timeout: the attempt took longer than {function.timeout:g} s"
    else:
        first = f"{type(exc).__name__}: {_text(exc)}".replace("\n", " ").rstrip(": ")
    ack.error = _storable(f"{first}\n{_traceback(exc)}")
    if job.is_last_attempt or isinstance(exc, (BadArguments, GiveUp)):
        ack.outcome = "dead"
    else:
        ack.outcome = "retry"
        ack.run_at = now + function.retry.pause(job.attempt)


def _traceback(exc: BaseException) -> str:
    # Our own frames, the first two, say nothing about the job.
    frames = exc.__traceback__
    for _ in range(2):
        frames = frames.tb_next if frames is not None and frames.tb_next is not None else frames
    text = "".join(traceback.format_exception(type(exc), exc, frames))
    if len(text) > _LONGEST_TRACEBACK:
        half = _LONGEST_TRACEBACK // 2
        text = f"{text[:half]}\n… {len(text) - 2 * half} characters left out …\n{text[-half:]}"
    return text


def _text(exc: BaseException) -> str:
    try:
        return str(exc)
    except Exception:
        return "(its message can't be shown)"


def _storable(text: str) -> str:
    """Without what a database refuses in text: NUL, and halves of surrogate pairs."""
    return text.replace("\0", "\N{SYMBOL FOR NULL}").encode(errors="backslashreplace").decode()
