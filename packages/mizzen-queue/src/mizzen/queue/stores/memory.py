"""Jobs in this process's memory: for tests, notebooks and work that may be lost."""

# ruff: noqa: D102  (the methods are described once, in mizzen.queue.abc.Store)

from __future__ import annotations

import secrets
import time
from collections import deque
from heapq import heappop, heappush
from itertools import chain
from typing import TYPE_CHECKING

from ..abc import Ack, Claimed, Gate, Inserted, KeyedJob, NewJob, Record, Status, Step, WorkerInfo
from ._admission import Claim, Line, Usage, admit
from ._bell import Bell
from ._memory_flows import MemoryFlows
from ._memory_monitoring import MemoryMonitoring
from ._memory_schedules import MemorySchedules
from ._rescue import WORKER_DIED, crash_pause

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from ._admission import Place

Keys = tuple[str | None, str | None, str | None]  # of the limit, of the rate, of the turn
NO_KEYS: Keys = (None, None, None)


class _Row(Record):
    token: int = 0
    worker: int = 0
    suspect: bool = False
    charged: bool = False
    cancelling: bool = False
    unique_key: str | None = None
    unique_until: float = 0.0
    unique_until_start: bool = False
    gate: Keys = NO_KEYS


class MemoryStore(MemoryFlows, MemoryMonitoring, MemorySchedules):
    """The store contract on dictionaries and heaps; everything happens on the event loop."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        super().__init__()
        self.clock = clock
        self._rows: dict[int, _Row] = {}
        # The waiting jobs, as heaps of (-priority, id), by queue, kind and the keys of their gate.
        self._ready: dict[tuple[str, str, Keys], list[tuple[int, int]]] = {}
        self._unique: dict[str, int] = {}
        self._starts: dict[str, deque[float]] = {}
        self._paused: set[str] = set()
        self._memos: dict[int, dict[str, str]] = {}
        self._due: list[tuple[float, int]] = []
        self._workers: dict[int, tuple[WorkerInfo, float]] = {}
        self._held: dict[int, set[int]] = {}
        self._last_id = 0
        self._bell = Bell()

    async def start(self) -> None:
        self._bell.hang()

    async def aclose(self) -> None:
        return

    async def insert(self, jobs: Sequence[NewJob]) -> Inserted:
        now = self.clock()
        ids: list[int] = []
        found: set[int] = set()
        for job in jobs:
            if (there := self._same(job)) is not None:
                ids.append(there)
                found.add(there)
                continue
            self._last_id += 1
            row = _Row(
                id=self._last_id,
                status="queued",
                kind=job.kind,
                queue=job.queue,
                priority=job.priority,
                args=job.args,
                attempt=0,
                max_attempts=job.max_attempts,
                created_at=job.created_at,
                run_at=job.run_at or None,
            )
            if isinstance(job, KeyedJob):
                row.meta = job.meta
                row.unique_key = job.unique_key
                row.unique_until = job.created_at + (job.unique_for or 0.0)
                row.unique_until_start = job.unique_until_start
                row.gate = (job.limit_key, job.rate_key, job.fair_key)
            self._rows[row.id] = row
            if row.unique_key is not None:
                self._unique[row.unique_key] = row.id
            self._queue(row, now)
            ids.append(row.id)
        self._bell.ring()
        return Inserted(ids, frozenset(found))

    def _same(self, job: NewJob) -> int | None:
        if not isinstance(job, KeyedJob) or job.unique_key is None:
            return None
        there = self._rows.get(self._unique.get(job.unique_key, 0))
        if there is None or there.status == "cancelled":
            return None
        if there.finished_at is None:
            return None if there.unique_key is None else there.id
        return there.id if job.unique_for and there.unique_until > job.created_at else None

    async def step(
        self,
        worker: int,
        acks: Sequence[Ack],
        want: int,
        kinds: Mapping[str, Gate],
        queues: Collection[str] | None,
        room: int = 0,
    ) -> Step:
        now = self.clock()
        refused = {ack.id for ack in acks if not self._apply(ack, now)}
        self._settle(now)
        self._promote(now)
        claim = Claim([])
        if want and worker in self._workers:
            claim = self._claim(worker, want, kinds, queues, room, now)
        return claim.step(refused, self._next_due())

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
        row.attempt, row.result = ack.attempt, ack.result
        row.error = ack.error or row.error
        row.started_at = ack.started_at
        if ack.outcome == "retry":
            row.run_at, row.suspect = ack.run_at, False
            self._queue(row, now)
        else:
            self._end(row, ack.outcome, ack.finished_at)
        return True

    def _claim(
        self,
        worker: int,
        want: int,
        kinds: Mapping[str, Gate],
        queues: Collection[str] | None,
        room: int,
        now: float,
    ) -> Claim:
        ready: list[Place] = []
        lines: list[Line] = []
        taken: list[tuple[list[tuple[int, int]], list[Place]]] = []
        for (queue, kind, keys), heap in self._ready.items():
            if kind in kinds and (queues is None or queue in queues) and queue not in self._paused:
                jobs = self._take(heap, want if keys[:2] == (None, None) else max(1, room))
                taken.append((heap, jobs))
                if keys == NO_KEYS:
                    ready += jobs
                elif jobs:
                    lines.append(Line(kind, *keys, jobs))
        ready.sort(key=lambda place: (-place[0], place[1]))
        usage = self._usage(lines, kinds, now)
        ids, held_back = admit(ready, lines, kinds, usage, want=want, room=room)
        claimed = set(ids)
        for heap, jobs in taken:
            for priority, id in jobs:
                if id not in claimed:
                    heappush(heap, (-priority, id))
        token = secrets.randbits(62)
        times = [
            self._starts[key][0] + kinds[line.kind].seconds
            for line in lines
            if (key := line.rate_key) is not None and key in held_back and self._starts[key]
        ]
        held = [self._hold(self._rows[id], worker, token, now) for id in ids]
        return Claim.of(held, lines, room, times)

    def _take(self, heap: list[tuple[int, int]], count: int) -> list[Place]:
        places: list[Place] = []
        while heap and len(places) < count:
            priority, id = heappop(heap)
            row = self._rows.get(id)
            # Else it was cancelled while it waited; if it was then retried, it is here twice.
            if row is not None and row.status == "queued" and (-priority, id) not in places[-1:]:
                places.append((-priority, id))
        return places

    def _usage(self, lines: list[Line], kinds: Mapping[str, Gate], now: float) -> Usage:
        usage = Usage()
        if not lines:
            return usage
        for line in lines:
            if line.rate_key is not None:
                starts = self._starts.setdefault(line.rate_key, deque())
                while starts and starts[0] <= now - kinds[line.kind].seconds:
                    starts.popleft()
                usage.started[line.rate_key] = len(starts)
        for id in chain.from_iterable(self._held.values()):
            limit, _, fair = self._rows[id].gate
            usage.note(limit, fair)
        return usage

    def _hold(self, row: _Row, worker: int, token: int, now: float) -> Claimed:
        row.status, row.token, row.worker = "running", token, worker
        self._held.setdefault(worker, set()).add(row.id)
        if row.unique_until_start:
            row.unique_key = None
        if (rate := row.gate[1]) is not None:
            self._starts.setdefault(rate, deque()).append(now)
        return Claimed(
            row.id,
            token,
            row.kind,
            row.queue,
            row.priority,
            row.args,
            row.attempt,
            row.max_attempts,
            row.created_at,
            row.suspect,
            row.meta,
        )

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
        if row.cancelling:
            self._end(row, "cancelled", now)
        elif row.run_at is not None and row.run_at > now:
            row.status = "scheduled"
            heappush(self._due, (row.run_at, row.id))
        else:
            row.status, row.run_at = "queued", None
            heap = self._ready.setdefault((row.queue, row.kind, row.gate), [])
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
            row.error = WORKER_DIED
            self._end(row, "dead", now)
            return
        row.run_at = now + crash_pause(row.attempt) if charged else None
        self._queue(row, now)

    async def cancel(self, id: int) -> Status | None:
        row = self._rows.get(id)
        if row is None or row.finished_at is not None:
            return None
        was = row.status
        if was == "running":
            row.cancelling = True
            self._bell.ring()
        else:
            self._end(row, "cancelled", self.clock())
            self._settle(self.clock())
        return was

    async def cancelling(self, worker: int) -> list[int]:
        return [id for id in self._held.get(worker, ()) if self._rows[id].cancelling]

    async def pause(self, queue: str, paused: bool) -> None:
        (self._paused.add if paused else self._paused.discard)(queue)
        self._bell.ring()

    async def paused(self) -> list[str]:
        return sorted(self._paused)

    async def report(self, progress: Sequence[tuple[int, int, str]]) -> None:
        for id, token, text in progress:
            row = self._rows.get(id)
            if row is not None and row.status == "running" and row.token == token:
                row.progress = text

    async def memos(self, id: int) -> dict[str, str]:
        return dict(self._memos.get(id, {}))

    async def keep_memo(self, id: int, token: int, name: str, memo: str) -> bool:
        held = self._is_held(id, token)
        if held:
            self._memos.setdefault(id, {})[name] = memo
        return held

    def _is_held(self, id: int, token: int) -> bool:
        row = self._rows.get(id)
        return row is not None and row.status == "running" and row.token == token

    async def retry(self, id: int) -> bool:
        revived = self._revive(id)
        if revived:
            self._revived(id)
            self._bell.ring()
        return revived

    def _revive(self, id: int) -> bool:
        row = self._rows.get(id)
        if row is None or row.status not in ("dead", "cancelled"):
            return False
        if row.unique_key is not None:
            other = self._rows.get(self._unique.get(row.unique_key, 0))
            if other is not None and other is not row and other.finished_at is None:
                return False
            self._unique[row.unique_key] = id
        row.cancelling = False
        row.attempt, row.suspect, row.error, row.result = 0, False, None, None
        row.run_at = row.started_at = row.finished_at = None
        self._queue(row, self.clock())
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
        now = self.clock()
        ended = [
            row
            for row in self._rows.values()
            if row.finished_at is not None
            and (row.unique_key is None or row.unique_until <= now)
            and not self._is_needed(row.id)
        ]
        counted = sorted(
            (row for row in ended if row.status != "dead"), key=lambda row: row.finished_at or 0.0
        )
        excess = counted[: max(0, len(counted) - keep)]
        gone = {row.id for row in excess} | {
            row.id for row in ended if (row.finished_at or 0.0) < before
        }
        for id in gone:
            self._forget(id)
        return len(gone)

    def _forget(self, id: int) -> None:
        self._memos.pop(id, None)
        self._unlink(id)
        key = self._rows.pop(id).unique_key
        if key is not None and self._unique.get(key) == id:
            del self._unique[key]

    async def wait(self, seen: int, limit: float) -> int:
        return await self._bell.wait(seen, limit)

    def ring(self) -> None:
        self._bell.ring_from_anywhere()

    async def ping(self) -> None:
        return
