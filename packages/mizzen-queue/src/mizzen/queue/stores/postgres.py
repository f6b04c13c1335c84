"""Jobs in PostgreSQL: for several nodes, or beside data that lives there already."""

# ruff: noqa: D102  (the methods are described once, in mizzen.queue.abc.Store)

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from typing import TYPE_CHECKING, Any

from .._errors import StoreError
from ..abc import Claimed, Inserted, Record, Status, Step, WorkerInfo
from . import _postgres_flows as flows
from . import _postgres_memos as memos
from . import _postgres_schedules as schedules
from . import _postgres_schema as sql
from ._admission import Claim
from ._bell import Bell
from ._postgres_floor import Floor
from ._postgres_gates import Claims
from ._postgres_insert import Inserts
from ._postgres_monitoring import HAS_INDEXES, INDEXES, PostgresMonitoring
from ._postgres_pool import Connections, mapped
from ._postgres_step import STEP
from ._rescue import FIRST_PAUSE, LONGEST_PAUSE, WORKER_DIED

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from ..abc import Ack, Gate, NewJob

_STATES: tuple[Status, ...] = ("queued", "scheduled", "running")
_LISTEN_AGAIN = 1.0
_PROMOTE_EVERY = 0.5
_SCHEMA_LOCK = 0x6D697A7A656E  # "mizzen": two processes that start at once create tables in turn


class PostgresStore(flows.PostgresFlows, PostgresMonitoring, schedules.PostgresSchedules):
    """One statement acks and claims, rows are locked with SKIP LOCKED, NOTIFY is the doorbell."""

    dialect = "postgresql"
    insert_sql: str = sql.INSERT
    keyed_sql: str = sql.INSERT_KEYED
    within_sql: str = sql.WITHIN
    complete_sql: tuple[str, ...] = memos.COMPLETE

    def __init__(self, url: str, clock: Callable[[], float] = time.time) -> None:
        self._local_clock = clock
        self._connections = Connections(url)
        self._bell = Bell()
        self._listener: asyncio.Task[None] | None = None
        self._skew = 0.0
        self._promote_at = 0.0
        self._inserts = Inserts(self._fetch)
        self._claims = Claims()
        self._floors: dict[int, Floor] = {}
        self._gated = False
        self._news = False

    def clock(self) -> float:
        return self._local_clock() + self._skew

    async def start(self) -> None:
        self._bell.hang()
        self._connections.open_again()
        async with self._connections.lend() as connection:
            async with connection.transaction():
                await connection.execute("SELECT pg_advisory_xact_lock(%s)", (_SCHEMA_LOCK,))
                await connection.execute(sql.TABLES.encode())
                await connection.execute(memos.TABLE.encode())
                newest = await (await connection.execute(sql.IS_NEWEST)).fetchone()
                if not newest or not newest[0]:
                    await connection.execute(sql.UPGRADE.encode())
                indexed = await (await connection.execute(HAS_INDEXES)).fetchone()
                if not indexed or not indexed[0]:
                    await connection.execute(INDEXES.encode())
                scheduled = await (await connection.execute(schedules.HAS_TABLES)).fetchone()
                if not scheduled or not scheduled[0]:
                    await connection.execute(schedules.TABLES.encode())
                await flows.create(connection)
            # Everybody goes by the server's clock: leases and delays mean the same on each node.
            cursor = await connection.execute(
                "SELECT extract(epoch FROM clock_timestamp())::float8"
            )
            row = await cursor.fetchone()
            self._skew = (row[0] if row else time.time()) - time.time()

    async def aclose(self) -> None:
        if self._listener is not None:
            self._listener.cancel()
            await asyncio.wait((self._listener,))
            self._listener = None
        await self._connections.aclose()

    async def insert(self, jobs: Sequence[NewJob]) -> Inserted:
        inserted = await self._inserts.insert(jobs)
        self._bell.ring()
        return inserted

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
        by_gates = self._gated and want > 0
        openly = 0 if by_gates else want
        values = _columns(acks) | {
            "worker": worker,
            "token": secrets.randbits(62),
            "want": openly,
            "kinds": list(kinds),
            "queues": None if queues is None else list(queues),
        }
        floor = self._floors.setdefault(worker, Floor())
        values |= floor.ask(openly)
        async with self._connections.lend() as connection:
            if self._news:
                await flows.settle(connection, now)
            if now >= self._promote_at:
                await connection.execute(sql.PROMOTE, {"now": now})
            rows = await (await connection.execute(STEP, values)).fetchall()
            refused = {ack.id for ack in acks} - {row[0] for row in rows if row[1] is None}
            self._news = any(row[9] for row in rows if row[1] is None)
            if self._news and want:
                # What these ends set free can be claimed at once.
                await flows.settle(connection, now)
                openly -= sum(row[1] is not None for row in rows)
                again = values | _columns([]) | {"want": openly}
                rows += await (await connection.execute(STEP, again)).fetchall()
                self._news = False
            summary: Any = [row for row in rows if row[0] is None][-1]
            self._gated, due = bool(summary[7]), summary[8]
            claimed = [Claimed(*row) for row in rows if row[1] is not None]
            claimed.sort(key=lambda job: (-job.priority, job.id))
            had = len(claimed)
            look_again = floor.learn(claimed, 0 if by_gates else want)
            claim = Claim([], crowded=look_again or (self._gated and had >= room))
            if by_gates or (self._gated and had < want):
                claim = await self._claims.claim(
                    connection, worker, want - had, kinds, queues, room - had, now
                )
            claim.crowded |= look_again
            claim.jobs = claimed + claim.jobs
        self._promote_at = min(now + _PROMOTE_EVERY, due or now + _PROMOTE_EVERY)
        if self._news:
            self._bell.ring()
        return claim.step(refused, due)

    async def charge(self, job: Claimed) -> bool:
        return await self._change(
            "UPDATE mizzen_job SET attempt = attempt + 1, charged = 1 WHERE id = %s AND token = %s",
            (job.id, job.token),
        )

    async def heartbeat(self, worker: WorkerInfo) -> None:
        values = (worker.id, worker.host, worker.pid, worker.born, self.clock())
        await self._change(sql.HEARTBEAT, values)

    async def disown(self, worker: int, held: Collection[int]) -> int:
        return await self._count(sql.DISOWN, (worker, list(held)))

    async def leave(self, worker: int) -> None:
        self._floors.pop(worker, None)
        async with self._connections.lend() as connection, connection.transaction():
            await connection.execute(sql.DISOWN, (worker, []))
            await connection.execute("DELETE FROM mizzen_job_worker WHERE id = %s", (worker,))

    async def rescue(self, lease: float, alive: Callable[[WorkerInfo], bool]) -> int:
        now = self.clock()
        rows = await self._fetch("SELECT id, host, pid, born, beat_at FROM mizzen_job_worker", ())
        beats = {WorkerInfo(*who): beat for *who, beat in rows}
        dead = await asyncio.to_thread(lambda: {who for who in beats if not alive(who)})
        lost = [(who.id, beat) for who, beat in beats.items() if beat + lease < now or who in dead]
        values = {
            "now": now,
            "error": WORKER_DIED,
            "first": FIRST_PAUSE,
            "longest": LONGEST_PAUSE,
        }
        async with self._connections.lend() as connection, connection.transaction():
            for id, beat in lost:
                # Unless it has shown up again in the meantime.
                await connection.execute(
                    "DELETE FROM mizzen_job_worker WHERE id = %s AND beat_at = %s", (id, beat)
                )
            cursor = await connection.execute(sql.RESCUE, values)
            row = await cursor.fetchone()
            await connection.execute(sql.CANCELLED.encode(), {"now": now})
        if row and row[0]:
            self._bell.ring()
            return int(row[0])
        return 0

    async def cancel(self, id: int) -> Status | None:
        rows = await self._fetch(sql.CANCEL, (id,))
        if not rows:
            return None
        state: int = rows[0][0]
        was = _STATES[state]
        if was == "running":
            await self._fetch("SELECT pg_notify('mizzen_job', '')", ())
            self._bell.ring()
        else:
            await self._change(sql.CANCELLED, {"now": self.clock()})
            await self.settle_news()
        return was

    async def cancelling(self, worker: int) -> list[int]:
        return [row[0] for row in await self._fetch(sql.CANCELLING, (worker,))]

    async def pause(self, queue: str, paused: bool) -> None:
        await self._change(sql.PAUSE if paused else sql.RESUME, (queue,))
        await self._fetch("SELECT pg_notify('mizzen_job', '')", ())
        self._bell.ring()

    async def paused(self) -> list[str]:
        rows = await self._fetch("SELECT queue FROM mizzen_job_paused ORDER BY queue", ())
        return [queue for (queue,) in rows]

    async def report(self, progress: Sequence[tuple[int, int, str]]) -> None:
        ids, tokens, texts = zip(*progress, strict=True)
        await self._change(sql.REPORT, (list(ids), list(tokens), list(texts)))

    async def memos(self, id: int) -> dict[str, str]:
        return dict(await self._fetch(memos.READ, (id,)))

    async def keep_memo(self, id: int, token: int, name: str, memo: str) -> bool:
        return await self._change(
            memos.KEEP, {"id": id, "token": token, "name": name, "memo": memo}
        )

    async def retry(self, id: int) -> bool:
        return await self.retry_many([id]) > 0

    async def find(self, id: int) -> Record | None:
        rows = await self._fetch(sql.FIND, {"id": id})
        return Record(*rows[0]) if rows else None

    async def stats(self, queue: str | None, kind: str | None) -> dict[Status, int]:
        return dict(await self._fetch(sql.STATS, {"queue": queue, "kind": kind}))

    async def prune(self, before: float, keep: int) -> int:
        values = {"before": before, "keep": keep, "now": self.clock()}
        ((gone,),) = await self._fetch(sql.PRUNE, values)
        return int(gone)

    async def wait(self, seen: int, limit: float) -> int:
        if self._listener is None or self._listener.done():
            self._listener = asyncio.create_task(self._listen(), name="mizzen.queue listen")
        return await self._bell.wait(seen, limit)

    def ring(self) -> None:
        self._bell.ring_from_anywhere()

    async def ping(self) -> None:
        await self._fetch("SELECT 1", ())

    async def _listen(self) -> None:
        """Ring for every notification; without the connection, workers poll until it is back."""
        while True:
            with contextlib.suppress(StoreError):
                connection = await self._connections.open()
                try:
                    with mapped():
                        await connection.execute("LISTEN mizzen_job")
                        self._bell.ring()  # for what came while nobody listened
                        async for _ in connection.notifies():
                            self._bell.ring()
                finally:
                    await connection.close()
            await asyncio.sleep(_LISTEN_AGAIN)

    async def _fetch(self, statement: str, values: Any) -> list[Any]:
        async with self._connections.lend() as connection:
            cursor = await connection.execute(statement.encode(), values)
            return await cursor.fetchall()

    async def _count(self, statement: str, values: Any) -> int:
        async with self._connections.lend() as connection:
            return (await connection.execute(statement.encode(), values)).rowcount

    async def _change(self, statement: str, values: Any) -> bool:
        return await self._count(statement, values) > 0


def _columns(acks: Sequence[Ack]) -> dict[str, object]:
    """The acks as one array for each of their fields."""
    return {
        "ids": [ack.id for ack in acks],
        "tokens": [ack.token for ack in acks],
        "outcomes": [ack.outcome for ack in acks],
        "attempts": [ack.attempt for ack in acks],
        "results": [ack.result for ack in acks],
        "errors": [ack.error for ack in acks],
        "run_ats": [ack.run_at for ack in acks],
        "started": [ack.started_at for ack in acks],
        "finished": [ack.finished_at for ack in acks],
    }
