"""Jobs in this process's memory: for tests, notebooks and work that may be lost."""

# ruff: noqa: D102  (the methods are described once, in mizzen.queue.abc.Store)

from __future__ import annotations

import secrets
import time
from heapq import heappop, heappush
from typing import TYPE_CHECKING

from ..abc import Ack, Claimed, NewJob, Record, Status, Step, WorkerInfo
from ._bell import Bell
from ._rescue import WORKER_DIED, crash_pause

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence


class _Row(Record):
    token: int = 0
    worker: int = 0
    suspect: bool = False
    charged: bool = False


class MemoryStore:
    """The store contract on dictionaries and heaps; everything happens on the event loop."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self.clock = clock
        self._rows: dict[int, _Row] = {}
        self._ready: dict[tuple[str, str], list[tuple[int, int]]] = {}
        self._due: list[tuple[float, int]] = []
        self._workers: dict[int, tuple[WorkerInfo, float]] = {}
        self._held: dict[int, set[int]] = {}
        self._last_id = 0
        self._bell = Bell()

    async def start(self) -> None:
        self._bell.hang()

    async def aclose(self) -> None:
        return

    async def insert(self, jobs: Sequence[NewJob]) -> list[int]:
        now = self.clock()
        ids: list[int] = []
        for job in jobs:
            self._last_id += 1
            row = _Row(
                self._last_id,
                "queued",
                job.kind,
                job.queue,
                job.priority,
                job.args,
                0,
                job.max_attempts,
                job.created_at,
                job.run_at or None,
            )
            self._rows[row.id] = row
            self._queue(row, now)
            ids.append(row.id)
        self._bell.ring()
        return ids

    async def step(
        self,
        worker: int,
        acks: Sequence[Ack],
        want: int,
        kinds: Collection[str],
        queues: Collection[str] | None,
    ) -> Step:
        now = self.clock()
        refused = {ack.id for ack in acks if not self._apply(ack, now)}
        self._promote(now)
        claimed = self._claim(worker, want, kinds, queues) if worker in self._workers else []
        return Step(claimed, refused, self._next_due())

    def _apply(self, ack: Ack, now: float) -> bool:
        row = self._rows.get(ack.id)
        if row is None or row.status != "running" or row.token != ack.token:
            return False
        charged = row.charged
        self._let_go(row)
        if ack.outcome == "release":
            row.attempt -= charged
            self._queue(row, now)
            return True
        row.attempt, row.result, row.error = ack.attempt, ack.result, ack.error
        row.started_at = ack.started_at
        if ack.outcome == "retry":
            row.run_at, row.suspect = ack.run_at, False
            self._queue(row, now)
        else:
            row.status, row.finished_at = ack.outcome, ack.finished_at
        return True

    def _claim(
        self, worker: int, want: int, kinds: Collection[str], queues: Collection[str] | None
    ) -> list[Claimed]:
        claimed: list[Claimed] = []
        token = secrets.randbits(62)
        lists = [
            heap
            for (queue, kind), heap in self._ready.items()
            if kind in kinds and (queues is None or queue in queues)
        ]
        while len(claimed) < want and (lists := [heap for heap in lists if heap]):
            _, id = heappop(min(lists, key=lambda heap: heap[0]))
            row = self._rows.get(id)
            if row is None or row.status != "queued":
                continue  # cancelled while it waited: its heap entry is stale
            row.status, row.token, row.worker = "running", token, worker
            self._held.setdefault(worker, set()).add(id)
            claimed.append(
                Claimed(
                    id,
                    token,
                    row.kind,
                    row.queue,
                    row.priority,
                    row.args,
                    row.attempt,
                    row.max_attempts,
                    row.created_at,
                    row.suspect,
                )
            )
        return claimed

    def _promote(self, now: float) -> None:
        while self._due and self._due[0][0] <= now:
            _, id = heappop(self._due)
            row = self._rows.get(id)
            if row is not None and row.status == "scheduled":
                self._queue(row, now)

    def _next_due(self) -> float | None:
        while self._due and (
            (row := self._rows.get(self._due[0][1])) is None or row.status != "scheduled"
        ):
            heappop(self._due)
        return self._due[0][0] if self._due else None

    def _queue(self, row: _Row, now: float) -> None:
        if row.run_at is not None and row.run_at > now:
            row.status = "scheduled"
            heappush(self._due, (row.run_at, row.id))
        else:
            row.status, row.run_at = "queued", None
            heap = self._ready.setdefault((row.queue, row.kind), [])
            heappush(heap, (-row.priority, row.id))

    def _let_go(self, row: _Row) -> None:
        self._held.get(row.worker, set()).discard(row.id)
        row.token, row.worker, row.charged = 0, 0, False

    async def charge(self, job: Claimed) -> bool:
        row = self._rows.get(job.id)
        if row is None or row.status != "running" or row.token != job.token:
            return False
        row.attempt, row.charged = row.attempt + 1, True
        return True

    async def heartbeat(self, worker: WorkerInfo) -> None:
        self._workers[worker.id] = (worker, self.clock())

    async def disown(self, worker: int, held: Collection[int]) -> int:
        now = self.clock()
        lost = self._held.get(worker, set[int]()).difference(held)
        for id in lost:
            row = self._rows[id]
            row.attempt -= row.charged
            self._let_go(row)
            self._queue(row, now)
        return len(lost)

    async def leave(self, worker: int) -> None:
        await self.disown(worker, ())
        self._held.pop(worker, None)
        self._workers.pop(worker, None)

    async def rescue(self, lease: float, alive: Callable[[WorkerInfo], bool]) -> int:
        now, rescued = self.clock(), 0
        for worker, beat in tuple(self._workers.values()):
            if beat + lease >= now and alive(worker):
                continue
            del self._workers[worker.id]
            for id in self._held.pop(worker.id, set()):
                self._rescue(self._rows[id], now)
                rescued += 1
        if rescued:
            self._bell.ring()
        return rescued

    def _rescue(self, row: _Row, now: float) -> None:
        charged, row.suspect = row.charged, True
        self._let_go(row)
        if charged and row.attempt >= row.max_attempts:
            row.status, row.finished_at, row.error = "dead", now, WORKER_DIED
            return
        row.run_at = now + crash_pause(row.attempt) if charged else None
        self._queue(row, now)

    async def cancel(self, id: int) -> bool:
        row = self._rows.get(id)
        if row is None or row.status not in ("queued", "scheduled"):
            return False
        row.status, row.finished_at = "cancelled", self.clock()
        return True

    async def retry(self, id: int) -> bool:
        row = self._rows.get(id)
        if row is None or row.status not in ("dead", "cancelled"):
            return False
        row.attempt, row.suspect, row.error, row.result = 0, False, None, None
        row.run_at = row.started_at = row.finished_at = None
        self._queue(row, self.clock())
        self._bell.ring()
        return True

    async def find(self, id: int) -> Record | None:
        return self._rows.get(id)

    async def stats(self, queue: str | None, kind: str | None) -> dict[Status, int]:
        counts: dict[Status, int] = {}
        for row in self._rows.values():
            if queue in (None, row.queue) and kind in (None, row.kind):
                counts[row.status] = counts.get(row.status, 0) + 1
        return counts

    async def prune(self, before: float, keep: int) -> int:
        ended = [row for row in self._rows.values() if row.finished_at is not None]
        counted = sorted(
            (row for row in ended if row.status != "dead"), key=lambda row: row.finished_at or 0.0
        )
        excess = counted[: max(0, len(counted) - keep)]
        gone = {row.id for row in excess} | {
            row.id for row in ended if (row.finished_at or 0.0) < before
        }
        for id in gone:
            del self._rows[id]
        return len(gone)

    async def wait(self, seen: int, limit: float) -> int:
        return await self._bell.wait(seen, limit)

    def ring(self) -> None:
        self._bell.ring_from_anywhere()

    async def ping(self) -> None:
        return
