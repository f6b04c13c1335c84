"""The worker: claims jobs in batches, runs them on fixed tasks, acks them in the next claim."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import time
from typing import TYPE_CHECKING, Literal, Self

from ._crew import Crew
from ._display import html_table, worker_facts, worker_line
from ._errors import NotStarted, QueueError, StoreError
from ._process import introduce, is_alive
from ._reports import report
from ._ticker import Ticker

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ._queue import Queue
    from .notebook import View

__all__ = ["Worker"]

_log = logging.getLogger("mizzen.queue")

# Without a doorbell or a commit seen, an idle worker looks again this often.
_LOOK_AGAIN = 1.0
# How often running jobs are looked after: their progress, and whether they are to be cancelled.
_LOOK_AFTER = 0.1
_PRUNE_EVERY = 60.0
# A prune that drops at least so many has left some: it goes on.
_BITE = 1000
_END_WITHIN = 1.0


class Worker:
    """Runs a queue's jobs until closed; made by `Queue.worker`."""

    def __init__(
        self,
        queue: Queue,
        *,
        concurrency: int,
        queues: Sequence[str] | None,
        grace: float,
        lease: float,
    ) -> None:
        if concurrency < 1:
            raise ValueError(f"concurrency={concurrency}: a worker runs at least one job at a time")
        if isinstance(queues, str):
            raise ValueError(f"queues={queues!r}: pass a list of names, such as [{queues!r}]")
        if lease <= 0:
            raise ValueError("a lease must be longer than 0 s")
        self.queue = queue
        self.concurrency = concurrency
        self.queues: frozenset[str] | None = None if queues is None else frozenset(queues)
        self.grace: float = grace
        self.lease: float = lease
        self.state: Literal["stopped", "running", "draining", "failed"] = "stopped"
        self._owner: asyncio.Task[None] | None = None
        self._failure: BaseException | None = None
        self._trouble: str | None = None
        self._closing = asyncio.Lock()

    async def start(self) -> Self:
        """Start working (and the queue, if it isn't started); idempotent."""
        self._raise_failure()
        if self._owner is not None:
            return self
        await self.queue.start()
        from anyio import CapacityLimiter

        self._me = await asyncio.to_thread(introduce)
        self._kick, self._stop = asyncio.Event(), asyncio.Event()
        self._rung = False
        limiter = CapacityLimiter(self.concurrency)
        self._crew = Crew(self.queue, self.concurrency, limiter, self._kick)
        self._may_have_work, self._answer_lost = True, False
        self._until = math.inf
        self._alarm: asyncio.TimerHandle | None = None
        await self.queue.store.heartbeat(self._me)
        await self.queue.store.rescue(self.lease, is_alive)
        self.queue.workers.add(self)
        self.state = "running"
        self._owner = asyncio.create_task(self._own(), name=f"mizzen.queue worker {self._me.id}")
        return self

    async def aclose(self) -> None:
        """Stop claiming, give back what hasn't started, let running jobs finish within the grace.

        Jobs that don't finish are cancelled and queued again. Raises a kept background failure.
        """
        async with self._closing:
            if self._owner is not None:
                self._stop.set()
                self._kick.set()
                await asyncio.wait((self._owner,))
                self._owner = None
                self.queue.workers.discard(self)
        self._raise_failure()

    def release(self) -> None:
        """Don't wait for running jobs any longer, but queue them again at once, uncharged."""
        if self._owner is not None:
            self._until = time.monotonic()
            self._stop.set()
            self._kick.set()

    async def wait(self) -> None:
        """Until it has ended: it was closed, or has failed."""
        if self._owner is not None:
            await asyncio.wait((self._owner,))

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def wake(self) -> None:
        """Look for work now; a new kind of job was defined, for instance."""
        if self._owner is not None:
            self._may_have_work = True
            self._kick.set()

    async def _own(self) -> None:
        # One task owns the others, so that start() and aclose() may come from different tasks.
        # Not a TaskGroup: that waits for ever for a job which swallows its cancellation.
        # The heart beats first: a worker that ends at once must not beat after its goodbye.
        helpers = (
            *(self._beat(), self._work(), self._forget()),
            *(self._listen(), self._look_after(), Ticker(self.queue).run()),
        )
        parts = [*self._crew.start(), *(asyncio.create_task(helper) for helper in helpers)]
        try:
            await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
        finally:
            # From here on a cancellation is meant for us; before, it is a job's own doing.
            self._crew.ending, self.state = True, "stopped"
            for task in parts:
                task.cancel()
            ended, stuck = await asyncio.wait(parts, timeout=_END_WITHIN)
            await self._crew.places.aclose()
        if stuck:
            _log.warning("%d jobs swallowed their cancellation, and run on", len(stuck))
        for task in ended:
            if not task.cancelled() and (failure := task.exception()) is not None:
                await self._fail(failure)

    async def _fail(self, failure: BaseException) -> None:
        self.state, self._failure = "failed", failure
        _log.error("a worker of %r stopped", self.queue, exc_info=failure)
        with contextlib.suppress(Exception):
            async with asyncio.timeout(_END_WITHIN):
                await self.queue.store.leave(self._me.id)

    async def _work(self) -> None:
        await self._fetch()
        await self._drain()

    async def _fetch(self) -> None:
        """Ack what ended and claim what fits, in one step, whenever there is either."""
        pause = 0.1
        while not self._stop.is_set():
            self._kick.clear()
            want = self._want()
            if self._crew.acks or want:
                try:
                    await self._step(want)
                    pause, self._trouble = 0.1, None
                except StoreError as exc:
                    # The acks are kept, and go with the next step that succeeds.
                    self._trouble, self._answer_lost = str(exc), True
                    _log.warning("the store of %r fails, trying again: %s", self.queue, exc)
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(pause):
                            await self._stop.wait()
                    pause = min(5.0, pause * 2)
                    continue
            if not self._crew.acks:
                await self._kick.wait()

    def _want(self) -> int:
        # A claim that goes with acks costs next to nothing; by itself it needs a reason.
        if self.queue.jobs and (self._may_have_work or self._crew.acks):
            return self._crew.want()
        return 0

    async def _step(self, want: int) -> None:
        if self._answer_lost:
            await self.queue.store.disown(self._me.id, self._crew.held())
            self._answer_lost = False
        sent, self._crew.acks = self._crew.acks, []
        before, self._may_have_work = self._may_have_work, False
        try:
            await self._tell_progress()  # of the jobs that end with this step, too
            gates = {kind: function.gate for kind, function in self.queue.jobs.items()}
            step = await self.queue.store.step(
                self._me.id, [ack for ack, _ in sent], want, gates, self.queues, self._crew.room()
            )
        except BaseException:
            self._crew.acks = sent + self._crew.acks
            self._may_have_work = True
            raise
        # A full claim means that there may be more; a doorbell in the meantime, too.
        self._may_have_work |= len(step.claimed) >= want if want else before
        self._may_have_work |= step.crowded
        self._set_alarm(step.next_due)
        self._crew.feed(step.claimed)
        report(self.queue, sent, step.refused)

    def _set_alarm(self, due: float | None) -> None:
        """Look for work when the next delayed job falls due."""
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        if due is not None:
            pause = max(0.001, due - self.queue.store.clock())
            self._alarm = asyncio.get_running_loop().call_later(pause, self.wake)

    async def _listen(self) -> None:
        """Look for work when the store says so, and now and then."""
        store, seen = self.queue.store, 0
        while True:
            try:
                seen = await store.wait(seen, _LOOK_AGAIN)
            except StoreError as exc:
                self._trouble = str(exc)
                await asyncio.sleep(_LOOK_AGAIN)
            self._rung = True
            self.wake()

    async def _look_after(self) -> None:
        """Stop the jobs that are to be cancelled, and tell of the progress of the others."""
        store = self.queue.store
        while True:
            try:
                if self._rung and self.running:
                    self._rung = False
                    self._crew.cancel(await store.cancelling(self._me.id))
                await self._tell_progress()
            except StoreError as exc:
                self._trouble = str(exc)
            await asyncio.sleep(_LOOK_AFTER)

    async def _tell_progress(self) -> None:
        if progress := self._crew.take_progress():
            await self.queue.store.report(progress)

    async def _beat(self) -> None:
        """Show that this worker lives, and take over from those that don't."""
        queue = self.queue
        while True:
            try:
                await queue.store.heartbeat(self._me)
                await queue.store.rescue(self.lease, is_alive)
                if not self._answer_lost:
                    self._trouble = None
            except StoreError as exc:
                self._trouble = str(exc)
                _log.warning("no heartbeat for %r: %s", queue, exc)
            await asyncio.sleep(self.lease / 3)

    async def _forget(self) -> None:
        """Drop old history, in bites, as each is a transaction that others wait for."""
        queue = self.queue
        while True:
            try:
                bite = _BITE
                while bite >= _BITE:
                    before = queue.store.clock() - queue.history
                    began = time.monotonic()
                    bite = await queue.store.prune(before, queue.history_rows)
                    await asyncio.sleep(4 * (time.monotonic() - began))
            except StoreError as exc:
                self._trouble = str(exc)
                _log.warning("the history of %r isn't pruned: %s", queue, exc)
            await asyncio.sleep(_PRUNE_EVERY)

    async def _drain(self) -> None:
        """Give back what hasn't started, wait for the rest, and say goodbye; bounded in time."""
        self.state = "draining"
        self._set_alarm(None)
        self._crew.give_back()
        self._until = min(self._until, time.monotonic() + self.grace)
        await self._settle()
        if late := self._crew.running():
            names = ", ".join(f"{job.kind} {job.id}" for job in late)
            _log.warning("gave up waiting for %d jobs, queued again: %s", len(late), names)
            self._crew.abandon()
            self._until = time.monotonic() + 1.0
            await self._settle()
        try:
            # What still holds on, as it swallows its cancellation, is released with the rest.
            async with asyncio.timeout(2.0):
                await self.queue.store.leave(self._me.id)
        except (StoreError, TimeoutError) as exc:
            _log.warning("left without saying goodbye; the lease will tell: %s", exc)

    async def _settle(self) -> None:
        """Ack what ends until nothing runs, or time is up."""
        while True:
            self._kick.clear()
            if self._crew.acks:
                try:
                    async with asyncio.timeout_at(asyncio.get_running_loop().time() + 6):
                        await self._step(0)
                except (StoreError, TimeoutError) as exc:
                    self._trouble = str(exc)
            left = self._until - time.monotonic()
            if (not self.running and not self._crew.acks) or left <= 0:
                return
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(left, 0.1) if self._crew.acks else left):
                    await self._kick.wait()

    @property
    def running(self) -> int:
        """Jobs that are running now."""
        if self._owner is None:
            return 0
        return len(self._crew.running())

    @property
    def prefetched(self) -> int:
        """Jobs that are claimed, and haven't started."""
        return 0 if self._owner is None else len(self._crew.waiting())

    async def health(self) -> dict[str, object]:
        """Whether it works, and its store answers; never raises."""
        state = "ok" if self.state == "running" else self.state
        trouble = self._trouble or (str(self._failure) if self._failure else state)
        return {"ok": trouble == "ok", "detail": {"worker": trouble}}

    def stats(self) -> dict[str, float]:
        """Gauges of this worker; the counters are the queue's."""
        return {
            "running": float(self.running),
            "prefetched": float(self.prefetched),
            "concurrency": float(self.concurrency),
        }

    def view(self, every: float = 0.5) -> View:
        """A live view for a notebook; text anywhere else."""
        from .notebook import View

        return View(self, every)

    def _raise_failure(self) -> None:
        if self._failure is not None:
            failure, self._failure = self._failure, None
            self._owner = None
            self.queue.workers.discard(self)
            raise QueueError(f"{self!r} had stopped: {failure}") from failure

    def require_started(self) -> None:
        """Raise NotStarted, or the failure that stopped it."""
        self._raise_failure()
        if self._owner is None:
            raise NotStarted(f"{self!r} isn't started: use `async with q.worker():`")

    def __repr__(self) -> str:
        return worker_line(self)

    def _repr_html_(self) -> str:
        return html_table(worker_facts(self))
