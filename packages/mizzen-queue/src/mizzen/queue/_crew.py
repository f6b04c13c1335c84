"""A worker's runners: fixed tasks that take claimed jobs from one deque, and leave acks behind."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import TYPE_CHECKING

import msgspec

from ._attempt import Slot, attempt
from ._context import job_of
from ._errors import StoreError
from ._place import Places
from ._prefetch import Prefetch
from ._records import Event
from .abc import Ack, Claimed

if TYPE_CHECKING:
    from collections.abc import Collection, Coroutine, Iterable

    from anyio import CapacityLimiter

    from ._queue import Queue
    from ._records import Desk, Job

# Jobs that never wait would keep the loop for a whole batch: give it up this often.
_SLICE = 0.002
_LOOK_AT_DEADLINES = 0.05


class Crew:
    """Runs what it is fed; *kick* is set whenever there is an ack, or a runner without work.

    Fixed tasks and one deque, because per job a new task costs 24 µs, and a memory stream 22.
    """

    def __init__(
        self, queue: Queue, size: int, limiter: CapacityLimiter, kick: asyncio.Event
    ) -> None:
        self.acks: list[tuple[Ack, Job | None]] = []
        self.ending = False
        self.places = Places(limiter)
        self._queue, self._kick = queue, kick
        self._slots = [Slot() for _ in range(size)]
        self._idle: deque[Slot] = deque()
        self._ready: deque[Claimed] = deque()
        self._set_aside: deque[Claimed] = deque()
        self._suspect: Claimed | None = None
        self._told: list[tuple[int, int, str]] = []
        self._prefetch = Prefetch(size)
        self._yielded_at = time.perf_counter()
        self._resumes: Slot | None = None

    def start(self) -> list[asyncio.Task[None]]:
        """The runners' tasks, and the one that watches deadlines."""
        for slot in self._slots:
            slot.task = asyncio.create_task(self._run(slot))
        watching: Coroutine[object, object, None] = self._watch_deadlines()
        return [*(slot.task for slot in self._slots if slot.task), asyncio.create_task(watching)]

    def feed(self, claimed: Iterable[Claimed]) -> None:
        """Run these jobs, when their turn comes."""
        before = len(self._ready)
        self._ready.extend(claimed)
        for _ in range(min(len(self._idle), len(self._ready) - before)):
            slot = self._idle.popleft()
            if slot.wakeup is not None and not slot.wakeup.done():
                slot.wakeup.set_result(None)

    def want(self) -> int:
        """How many more jobs to claim."""
        return self._prefetch.want(len(self._ready), len(self._idle))

    def running(self) -> list[Claimed]:
        """The jobs that are running now."""
        return [slot.job for slot in self._slots if slot.job is not None]

    def waiting(self) -> list[Claimed]:
        """The jobs that haven't started."""
        charging = [self._suspect] if self._suspect is not None else []
        return [*self._ready, *self._set_aside, *charging]

    def held(self) -> list[int]:
        """The ids of all jobs that the store should have on record for this worker."""
        jobs = [job.id for job in (*self.running(), *self.waiting())]
        return [*jobs, *(ack.id for ack, _ in self.acks)]

    def give_back(self) -> None:
        """Leave acks that release what hasn't started, and let iterations stop."""
        for job in (*self._ready, *self._set_aside):
            self._release(job)
        self._ready.clear()
        self._set_aside.clear()
        for slot in self._slots:
            slot.desk.draining = True

    def room(self) -> int:
        """How many jobs could start at once."""
        return max(0, sum(slot.job is None for slot in self._slots) - len(self._ready))

    def cancel(self, ids: Collection[int]) -> None:
        """Stop these jobs where they run, and leave acks for those that don't yet."""
        for slot in self._slots:
            if slot.job is not None and slot.job.id in ids:
                slot.interrupt("cancel")
        for line in (self._ready, self._set_aside):
            for job in [job for job in line if job.id in ids]:
                line.remove(job)
                now = self._queue.store.clock()
                ack = Ack(job.id, job.token, "cancelled", job.attempt, finished_at=now)
                self._finish(ack, job_of(job))

    def take_progress(self) -> list[tuple[int, int, str]]:
        """The progress that running jobs told of since the last time: id, token, JSON."""
        told, self._told = self._told, []
        for slot in self._slots:
            if slot.job is not None and slot.desk.progress is not None:
                told.append(_progress(slot.job, slot.desk))
        return told

    def abandon(self) -> None:
        """Cancel the running jobs, to be queued again."""
        for slot in self._slots:
            slot.interrupt("abandon")

    async def _run(self, slot: Slot) -> None:
        """A runner: one job after the other, for as long as the worker lives."""
        while not self.ending:
            while not self._ready:
                slot.wakeup = asyncio.get_running_loop().create_future()
                self._idle.append(slot)
                self._kick.set()
                await slot.wakeup
            claimed = self._ready.popleft()
            if claimed.suspect:
                await self._run_suspects(slot, claimed)
            else:
                await self._run_one(slot, claimed)
            if time.perf_counter() - self._yielded_at > _SLICE:
                self._resumes = self._resumes or slot
                await asyncio.sleep(0)
                if self._resumes is slot:  # the loop has been round
                    self._resumes, self._yielded_at = None, time.perf_counter()

    async def _run_suspects(self, slot: Slot, claimed: Claimed) -> None:
        """Run jobs that a dead worker held: one at a time, and charged before they start.

        So the one that kills its worker is charged for it, and those that were merely beside
        it are not. The other runners go on with unsuspected jobs meanwhile.
        """
        self._set_aside.append(claimed)
        if self._suspect is not None:
            return
        try:
            while self._set_aside:
                self._suspect = suspect = self._set_aside.popleft()
                try:
                    if await self._queue.store.charge(suspect):
                        await self._run_one(slot, suspect)
                except StoreError:
                    self._release(suspect)
        finally:
            self._suspect = None

    async def _run_one(self, slot: Slot, claimed: Claimed) -> None:
        queue = self._queue
        function = queue.jobs.get(claimed.kind)
        if function is None:
            self._release(claimed)
            return
        queue.totals["started_total"] += 1
        if queue.listeners.wanted("started"):
            queue.listeners.emit(Event("started", job_of(claimed)))
        began = time.perf_counter()
        ended = None if queue.tracing is None else queue.tracing.begin(claimed)
        job, ack = await attempt(
            slot, claimed, function, self.places, queue.store, closing=self._is_ending
        )
        if ended is not None:
            ended(ack)
        self._prefetch.learn(time.perf_counter() - began)
        if slot.desk.progress is not None:
            self._told.append(_progress(claimed, slot.desk))
        self._finish(ack, job)

    def _is_ending(self) -> bool:
        return self.ending

    def _release(self, claimed: Claimed) -> None:
        self._finish(Ack(claimed.id, claimed.token, "release"), None)

    def _finish(self, ack: Ack, job: Job | None) -> None:
        self.acks.append((ack, job))
        self._kick.set()

    async def _watch_deadlines(self) -> None:
        """Interrupt jobs past their timeout; one watcher, as a timer per job costs 14 µs each."""
        while True:
            now = soonest = time.monotonic()
            soonest += _LOOK_AT_DEADLINES
            for slot in self._slots:
                if slot.deadline is not None:
                    soonest = min(soonest, slot.deadline)
                    if slot.deadline <= now:
                        slot.interrupt("timeout")
            await asyncio.sleep(max(0.001, soonest - now))


def _progress(job: Claimed, desk: Desk) -> tuple[int, int, str]:
    told, desk.progress = desk.progress, None
    return job.id, job.token, msgspec.json.encode(told).decode()
