"""The queue: defines jobs, enqueues them, and answers for them."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ParamSpec, Self, TypeVar, overload

from ._address import refuse_while_importing
from ._composing import Composing
from ._display import html_table, queue_facts, queue_line
from ._errors import BadJob, NotStarted, QueueError, StoreError
from ._events import Listeners
from ._flows import flows_of
from ._handle import Handle
from ._job import Call, JobDecorator, JobFunction
from ._limits import Limit, Limits, Rate, Unique, as_rate
from ._monitoring import Monitoring
from ._once import for_all, without_repeats
from ._placeholders import HOLE
from ._records import Event, EventName, Job
from ._rehearsing import Rehearsing
from ._reports import tell_cancelled
from ._retry import Retry
from ._scheduling import Scheduling
from ._transaction import insert_within
from ._units import Duration, seconds
from ._watching import Watching
from .abc import Inserted
from .stores import mask, open_store

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator, Iterable, Sequence

    from ._flows import Link
    from ._place import RunIn
    from ._schedule import Schedule
    from ._worker import Worker
    from .abc import NewJob, Status, Store

__all__ = ["Queue"]

P = ParamSpec("P")
R = TypeVar("R")

_STATUSES: tuple[Status, ...] = ("queued", "scheduled", "running", "done", "dead", "cancelled")


class Queue(Composing, Monitoring, Rehearsing, Scheduling, Watching):
    """Durable background jobs in the database at *url*.

    `memory:`, `sqlite:///app.db` or `postgresql://…`; a ready Store is accepted too. Ended jobs
    are kept for *history*, done ones at most *history_rows* of them; workers prune.
    """

    def __init__(
        self,
        url: str | Store = "memory:",
        *,
        history: Duration = "7d",
        history_rows: int = 100_000,
    ) -> None:
        self.url: str = mask(url) if isinstance(url, str) else type(url).__name__
        self.store: Store = open_store(url) if isinstance(url, str) else url
        self.history: float = seconds(history)
        self.history_rows: int = history_rows
        self.jobs: dict[str, JobFunction[..., Any]] = {}
        self.listeners: Listeners = Listeners()
        self.totals: Counter[str] = Counter()
        self.timetable: dict[str, Schedule] = {}
        self.workers: set[Worker] = set()
        self.last_counts: dict[str, int] = {}
        self._watched: dict[int, list[asyncio.Event]] = {}
        self._started = False
        self._starting = asyncio.Lock()

    async def start(self) -> Self:
        """Open the store and create its tables; idempotent."""
        refuse_while_importing()
        async with self._starting:
            if not self._started:
                await self.store.start()
                self._started = True
        return self

    async def aclose(self) -> None:
        """Drain the workers that still run, and close the store; idempotent."""
        failures: list[Exception] = []
        for worker in tuple(self.workers):
            try:
                await worker.aclose()
            except Exception as exc:
                failures.append(exc)
        async with self._starting:
            if self._started:
                self._started = False
                await self.listeners.settle(1.0)
                await self.store.aclose()
        if failures:
            raise failures[0]

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    # A bare decorator keeps parameters and result; so does one with options.
    @overload
    def job(self, fn: Callable[P, Awaitable[R]], /) -> JobFunction[P, R]: ...
    @overload
    def job(self, fn: Callable[P, R], /) -> JobFunction[P, R]: ...
    @overload
    def job(
        self,
        fn: None = None,
        /,
        *,
        name: str | None = None,
        queue: str = "default",
        retry: Retry | None = None,
        timeout: Duration | None = None,
        priority: int = 0,
        unique: bool | str | Unique = False,
        concurrency: int | Limit | None = None,
        rate: str | Rate | None = None,
        fair: str | Callable[..., object] | None = None,
        run: RunIn | None = None,
    ) -> JobDecorator: ...
    def job(
        self,
        fn: Callable[..., Any] | None = None,
        /,
        *,
        name: str | None = None,
        queue: str = "default",
        retry: Retry | None = None,
        timeout: Duration | None = None,
        priority: int = 0,
        unique: bool | str | Unique = False,
        concurrency: int | Limit | None = None,
        rate: str | Rate | None = None,
        fair: str | Callable[..., object] | None = None,
        run: RunIn | None = None,
    ) -> Any:
        """Make a function a job, async or plain.

        An async one runs on the worker's loop, a plain one in a thread, and with `run="process"`
        either in a process of its own: for work that keeps the processor busy, and that is to be
        stopped, or may crash. Such a function must stand in a module that can be imported.

        Its *name*, by default the function's own, is what the store keeps. *timeout* is for one
        attempt. Higher *priority* runs first. Defining it again replaces it.

        *unique* jobs exist once, *concurrency* is how many run at once, *rate* how many start in
        a while (`"10/s"`), on all workers together: see Unique, Limit and Rate. *fair* is a key,
        as `"tenant:{id}"`: those who share a worker take turns by it.
        """
        once = Unique() if unique is True else Unique(unique) if isinstance(unique, str) else unique
        at_once = Limit(concurrency) if isinstance(concurrency, int) else concurrency

        def define(fn: Callable[..., Any]) -> JobFunction[..., Any]:
            kind = name or fn.__qualname__.rpartition("<locals>.")[2]
            function = JobFunction[..., Any](
                self,
                fn,
                name=kind,
                queue=queue,
                retry=retry or Retry(),
                timeout=timeout,
                priority=priority,
                limits=Limits(kind, once or None, at_once, as_rate(rate), fair),
                run=run,
            )
            self._add(function)
            return function

        return define if fn is None else define(fn)

    def _add(self, function: JobFunction[..., Any]) -> None:
        known = self.jobs.get(function.name)
        if known is not None and known.__module__ != function.__module__:
            raise BadJob(
                f"{known.__module__} has a job {function.name!r} already: give the one in "
                f"{function.__module__} another name with @q.job(name=…)"
            )
        self.jobs[function.name] = function
        for worker in self.workers:
            worker.wake()

    async def enqueue_many(
        self,
        calls: Iterable[Call[R]],
        *,
        delay: Duration | None = None,
        priority: int | None = None,
        queue: str | None = None,
        tx: Any = None,
    ) -> list[Handle[R]]:
        """Store many jobs in one statement; see Call.enqueue. All or none are stored."""
        self.require_started()
        wanted = list(calls)
        for call in wanted:
            if call.owner is not self:
                raise QueueError(f"{call!r} belongs to another queue: enqueue it there")
            if HOLE in call.args:
                raise QueueError(f"{call!r} takes another job's result: add it to a workflow")
        if not wanted:
            return []
        now = self.store.clock()
        jobs = [call.job(now, delay, priority, queue) for call in wanted]
        inserted = await self._insert(jobs, tx)
        return [
            Handle(self, id, job.kind, call.function.arguments, is_new=id not in inserted.found)
            for id, job, call in zip(inserted.ids, jobs, wanted, strict=True)
        ]

    async def _insert(
        self, jobs: Sequence[NewJob], tx: Any, links: Sequence[Link] | None = None
    ) -> Inserted:
        if self.rehearsal is not None:
            jobs = self.rehearsal.timed(jobs)
        if self.tracing is not None:
            jobs = self.tracing.mark(jobs)
        once = without_repeats(jobs)
        if tx is None:
            if links is None:
                inserted = await self.store.insert(once)
            else:
                inserted = Inserted(await flows_of(self.store).insert_flow(once, links))
            self._enqueued(inserted, once)
        else:
            answer: list[Inserted] = []

            def committed() -> None:
                self.store.ring()
                self._enqueued(answer[0], once)

            answer.append(await insert_within(tx, self.store, once, committed, links))
            inserted = answer[0]
        if self.rehearsal is not None:
            await self.rehearsal.inserted(inserted, tx)
        return inserted if len(once) == len(jobs) else for_all(jobs, once, inserted)

    def _enqueued(self, inserted: Inserted, jobs: Sequence[NewJob]) -> None:
        self.totals["enqueued_total"] += len(inserted.ids) - len(inserted.found)
        if self.listeners.wanted("enqueued"):
            for id, job in zip(inserted.ids, jobs, strict=True):
                if id in inserted.found:
                    continue
                when = datetime.fromtimestamp(job.created_at, UTC)
                seen = Job(id, job.kind, job.queue, 1, job.max_attempts, job.priority, when)
                self.listeners.emit(Event("enqueued", seen))

    def handle(self, id: int) -> Handle[Any]:
        """The handle of a job enqueued earlier, or elsewhere."""
        self.require_started()
        return Handle(self, id, "job", None)

    async def cancel(self, id: int) -> bool:
        """Take a job back, or stop it where it runs; False when it has ended.

        A job that runs is stopped a moment later: an async one by a CancelledError at its next
        `await`; one in a thread can't be stopped, but is told so by `current_job().cancelled`.
        """
        self.require_started()
        was = await self.store.cancel(id)
        if was in ("queued", "scheduled"):
            await tell_cancelled(self, id)
        return was is not None

    async def pause(self, queue: str) -> None:
        """Let no worker take jobs of *queue*, until `resume`; those that run go on."""
        self.require_started()
        await self.store.pause(queue, True)

    async def resume(self, queue: str) -> None:
        """Let workers take jobs of *queue* again."""
        self.require_started()
        await self.store.pause(queue, False)

    async def paused(self) -> list[str]:
        """The names of the paused queues."""
        self.require_started()
        return await self.store.paused()

    async def retry(self, id: int) -> bool:
        """Queue a dead or cancelled job again, with fresh attempts; False when it is neither."""
        self.require_started()
        return await self.store.retry(id)

    async def counts(self, *, queue: str | None = None, kind: str | None = None) -> dict[str, int]:
        """How many jobs are queued, scheduled, running, done, dead and cancelled.

        Ended ones are counted as long as history keeps them.
        """
        self.require_started()
        found = await self.store.stats(queue, kind)
        counts: dict[str, int] = {status: found.get(status, 0) for status in _STATUSES}
        if queue is None and kind is None:
            self.last_counts = counts
        return counts

    def worker(
        self,
        *,
        concurrency: int = 10,
        queues: Sequence[str] | None = None,
        grace: Duration = "4s",
        lease: Duration = "15s",
    ) -> Worker:
        """A worker for this queue's jobs, not yet started: `async with q.worker(): …`.

        Runs up to *concurrency* jobs at once, from *queues* (all by default). On `aclose()` running
        jobs have *grace* to finish. A worker without a sign of life for *lease* loses its jobs
        to others.
        """
        from ._worker import Worker

        return Worker(
            self, concurrency=concurrency, queues=queues, grace=seconds(grace), lease=seconds(lease)
        )

    def on(
        self, name: EventName, fn: Callable[[Event], Awaitable[object] | object]
    ) -> Callable[[], None]:
        """Call *fn*, async or plain, at each event of that name in this process.

        `enqueued started succeeded failed retried dead cancelled`; what is returned takes it away
        again. One that fails is logged, and counted in `stats()["handler_errors_total"]`.
        """
        return self.listeners.add(name, fn)

    @contextlib.contextmanager
    def watch(self, id: int) -> Generator[asyncio.Event]:
        """An event that is set whenever the job ends in this process."""
        self.require_started()
        event = asyncio.Event()
        self._watched.setdefault(id, []).append(event)
        try:
            yield event
        finally:
            events = self._watched[id]
            events.remove(event)
            if not events:
                del self._watched[id]

    def ended(self, id: int) -> None:
        """Tell those who wait for the job."""
        for event in self._watched.get(id, ()):
            event.set()

    def require_started(self) -> None:
        """Raise NotStarted unless the store is open."""
        if not self._started:
            raise NotStarted(
                f"{self!r} isn't started: call `await q.start()` or use `async with q:`"
            )

    async def health(self) -> dict[str, object]:
        """Whether the store answers, in a mapping; never raises."""
        state = "ok"
        if not self._started:
            state = "not started"
        else:
            try:
                async with asyncio.timeout(5):
                    await self.store.ping()
            except (StoreError, TimeoutError) as exc:
                state = str(exc) or "no answer within 5 s"
        return {"ok": state == "ok", "detail": {"store": state}}

    def stats(self) -> dict[str, float]:
        """Counters of this process since the queue was made."""
        names = (
            "enqueued",
            "started",
            "succeeded",
            "failed",
            "retried",
            "dead",
            "cancelled",
            "refused",
        )
        totals = {f"{name}_total": float(self.totals[f"{name}_total"]) for name in names}
        return totals | {
            "handler_errors_total": float(self.listeners.errors),
            "workers": float(len(self.workers)),
            "running": float(sum(worker.running for worker in self.workers)),
        }

    def __repr__(self) -> str:
        return queue_line(self)

    def _repr_html_(self) -> str:
        return html_table(queue_facts(self))


def as_queue(value: object) -> Queue:
    """*value* if it is a Queue; QueueError says what it is instead."""
    if not isinstance(value, Queue):
        raise QueueError(f"{value!r} is no mizzen.queue.Queue")
    return value
