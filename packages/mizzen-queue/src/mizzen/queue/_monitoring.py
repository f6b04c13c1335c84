"""What a queue answers about its jobs and workers, and what it does to many jobs at once."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, cast

from ._errors import QueueError
from ._monitored import Filter, Minute, Monitored, Tally, WorkerRecord
from ._prometheus import Durations, exposition
from ._reports import tell_cancelled

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from ._queue import Queue
    from ._tracing import Tracing
    from .abc import Record, Status, Store

    Ids = list[int]
    Records = list[Record]
    Tallies = list[Tally]
    Minutes = list[Minute]
    Workers = list[WorkerRecord]

_AT_ONCE = 500  # jobs in one transaction, so that workers get their turn in between
_ENDED: tuple[Status, ...] = ("done", "dead", "cancelled")


class Monitoring:
    """The watching part of `Queue`."""

    store: Store
    tracing: Tracing | None = None
    _durations: Durations | None = None

    def require_started(self) -> None:
        raise NotImplementedError

    async def list(
        self,
        *,
        status: Status | None = None,
        queue: str | None = None,
        kind: str | None = None,
        limit: int = 50,
        before: int | None = None,
        brief: bool = False,
    ) -> Records:
        """The newest jobs, newest first; for the next page pass the last one's id as *before*.

        Ended ones are there as long as history keeps them. *brief* records come without
        arguments and results, which may be large.
        """
        if limit < 1:
            raise ValueError(f"limit={limit}: ask for one job at least")
        found = await self._monitored().list(Filter(status, queue, kind), limit, before, brief)
        return [*found]

    async def tally(self) -> Tallies:
        """Counts by queue, kind and status, all in one go."""
        return [*await self._monitored().tally()]

    async def throughput(self, minutes: int = 60) -> Minutes:
        """How many jobs ended in each of the last *minutes*, the current one last.

        On all workers, as far as history keeps them.
        """
        store = self._monitored()
        last = int(self.store.clock() // 60)
        first = last - max(1, minutes) + 1
        found = {number: dict[str, int]() for number in range(first, last + 1)}
        for number, status, count in await store.ended(first, last):
            found[number][status] = count
        return [
            Minute(datetime.fromtimestamp(number * 60, UTC), **counts)
            for number, counts in found.items()
        ]

    async def workers_alive(self) -> Workers:
        """The workers on record, wherever they run: their last beat, and what they hold.

        One that died stays for as long as its lease.
        """
        return [*await self._monitored().on_record()]

    async def prometheus(self) -> str:
        """What Prometheus scrapes: jobs by queue and status, workers, and this process's totals.

        The first call begins the histogram of how long the attempts of this process take.
        """
        if self._durations is None:
            self._durations = durations = Durations()
            q = cast("Queue", self)
            q.on("succeeded", durations.note)
            q.on("failed", durations.note)
        return exposition(
            await self.tally(),
            await self.workers_alive(),
            await cast("Queue", self).paused(),
            cast("Queue", self).totals,
            self._durations,
            self.store.clock(),
        )

    async def retry_all(
        self, *, status: Status = "dead", queue: str | None = None, kind: str | None = None
    ) -> int:
        """Queue dead jobs again (or cancelled ones), with fresh attempts; how many."""
        if status not in ("dead", "cancelled"):
            raise ValueError(f"status={status!r}: only dead and cancelled jobs are retried")
        store = self._monitored()
        return sum(
            [await store.retry_many(ids) async for ids in self._pages(Filter(status, queue, kind))]
        )

    async def cancel_all(
        self, *, status: Status | None = None, queue: str | None = None, kind: str | None = None
    ) -> int:
        """Cancel every job that waits or runs, as far as it meets the filters; how many."""
        if status in _ENDED:
            raise ValueError(f"status={status!r}: those have ended")
        store, cancelled = self._monitored(), 0
        for each in (status,) if status else ("running", "scheduled", "queued"):
            async for ids in self._pages(Filter(each, queue, kind)):
                was = await store.cancel_many(ids)
                cancelled += len(was)
                for id, before in was.items():
                    if before != "running":
                        await tell_cancelled(cast("Queue", self), id)
        return cancelled

    async def delete_all(
        self, *, status: Status, queue: str | None = None, kind: str | None = None
    ) -> int:
        """Forget the jobs that ended with *status*; how many."""
        if status not in _ENDED:
            raise ValueError(f"status={status!r}: only ended jobs are deleted; cancel others first")
        store = self._monitored()
        return sum(
            [
                await store.delete(ids, status)
                async for ids in self._pages(Filter(status, queue, kind))
            ]
        )

    async def delete(self, id: int) -> bool:
        """Forget a job that has ended; False when it hasn't, or is unknown."""
        return await self._monitored().delete([id], None) > 0

    async def _pages(self, which: Filter) -> AsyncIterator[Ids]:
        """The ids of the jobs that are there by now, page by page; each is seen once."""
        before: int | None = None
        while True:
            page = await self._monitored().list(which, _AT_ONCE, before, True)
            if page:
                before = page[-1].id
                yield [record.id for record in page]
            if len(page) < _AT_ONCE:
                return

    def _monitored(self) -> Monitored:
        self.require_started()
        if not isinstance(self.store, Monitored):
            raise QueueError(
                f"{type(self.store).__name__} can't be watched: it lacks the methods of "
                "mizzen.queue.testing_monitoring.MonitoringContract"
            )
        return self.store
