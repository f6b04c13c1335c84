"""Jobs in MariaDB: for several nodes, or beside data that lives there already."""

# ruff: noqa: D102  (the methods are described once, in mizzen.queue.abc.Store)

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import msgspec

from .._errors import StoreBusy
from ..abc import Inserted, Record, Status, Step
from . import _mariadb_flows as flows
from . import _mariadb_flows_sql as flows_sql
from . import _mariadb_memos as memos
from . import _mariadb_schedules as schedules
from . import _mariadb_schema as sql
from ._admission import Claim
from ._bell import Bell
from ._inserted import has_keys, in_order
from ._listing import STATES
from ._mariadb_acks import apply
from ._mariadb_claim import Claims
from ._mariadb_maintenance import cancel, disown, prune, rescue
from ._mariadb_monitoring import MariaDBMonitoring
from ._mariadb_pool import Connection, Connections
from ._mariadb_portions import portions

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from ..abc import Ack, Claimed, Gate, NewJob, WorkerInfo

_PROMOTE_EVERY = 0.5
# How soon a worker sees what another process committed: fast when something just happened.
_SOON, _LATE = 0.01, 0.1

_TABLES = {**sql.TABLES, "mizzen_job_memo": memos.TABLE, **schedules.TABLES, **flows_sql.TABLES}

_PROMOTE = "UPDATE mizzen_job SET state = 0, run_at = NULL WHERE run_at <= %r;"
_AFTERWARDS = "; ".join(("SELECT MIN(run_at) FROM mizzen_job", flows_sql.HAS_NEWS, "COMMIT"))


class MariaDBStore(flows.MariaDBFlows, MariaDBMonitoring, schedules.MariaDBSchedules):
    """Rows are locked with SKIP LOCKED; polling, which slows down when idle, is the doorbell."""

    dialect = "mariadb"
    insert_sql: str = sql.INSERT
    keyed_sql: str = sql.INSERT_KEYED
    within_sql: str = sql.WITHIN
    complete_sql: tuple[str, ...] = memos.COMPLETE

    def __init__(self, url: str, clock: Callable[[], float] = time.time) -> None:
        self._local_clock = clock
        self._connections = Connections(url)
        self._bell = Bell()
        self._skew = 0.0
        self._promote_at = 0.0
        self._claims = Claims()
        self._news = True  # perhaps: what others left
        self._pulse: Any = None
        self._pause = _SOON

    def clock(self) -> float:
        return self._local_clock() + self._skew

    async def start(self) -> None:
        self._bell.hang()
        self._connections.open_again()
        await self._connections.perform(_create)
        # Everybody goes by the server's clock: leases and delays mean the same on each node.
        ((now,),) = await self._rows("SELECT UNIX_TIMESTAMP(NOW(6)) + 0e0")
        self._skew = now - time.time()

    async def aclose(self) -> None:
        await self._connections.aclose()

    async def insert(self, jobs: Sequence[NewJob]) -> Inserted:
        keyed = has_keys(jobs)
        statement = (sql.INSERT_KEYED if keyed else sql.INSERT).format(jobs="%s")
        texts = [
            msgspec.json.encode(some).decode()
            for some in portions(jobs, lambda job: len(job.args) + 200)
        ]

        async def insert(connection: Connection) -> Inserted:
            if len(texts) > 1:
                await connection.run("START TRANSACTION")
            new = [row for text in texts for row in await connection.rows(statement, (text,))]
            ended: list[Any] = []
            if len(new) < len(jobs):
                within = sql.WITHIN.format(jobs="%s")
                ended = [row for text in texts for row in await connection.rows(within, (text,))]
            if len(texts) > 1:
                await connection.run("COMMIT")
            if keyed:
                return in_order(jobs, new, lambda: ended)
            return Inserted(sorted(id for (id,) in new))

        inserted = await self._connections.perform(insert)
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

        async def step(connection: Connection) -> Step:
            begin = "START TRANSACTION;"
            if now >= self._promote_at:
                begin += _PROMOTE % now
            refused, claim = set[int](), Claim([])
            if acks:
                refused, begin = await apply(connection, acks, begin), ""
            if want and kinds:
                claim = await self._claims.claim(
                    connection, worker, want, kinds, queues, room, now, begin
                )
                begin = ""
            *_, ((due,),), ((self._news,),), _ = await connection.run(begin + _AFTERWARDS)
            self._promote_at = min(now + _PROMOTE_EVERY, due or now + _PROMOTE_EVERY)
            return claim.step(refused, due)

        if self._news:
            await self.settle()
        answer = await self._connections.perform(step)
        if self._news:  # what these ends set free is for the next step
            self._bell.ring()
        return answer

    async def settle(self) -> None:
        """Queue or cancel those who waited for what has ended."""
        now = self.clock()
        await self._connections.perform(lambda connection: flows.settle(connection, now))

    async def charge(self, job: Claimed) -> bool:
        return await self._change(
            "UPDATE mizzen_job SET attempt = attempt + 1, charged = 1 WHERE id = %s AND token = %s",
            (job.id, job.token),
        )

    async def heartbeat(self, worker: WorkerInfo) -> None:
        await self._change(
            "INSERT INTO mizzen_job_worker (id, host, pid, born, beat_at) "
            "VALUES (%s, %s, %s, %s, %s) ON DUPLICATE KEY UPDATE beat_at = VALUES(beat_at)",
            (worker.id, worker.host, worker.pid, worker.born, self.clock()),
        )

    async def disown(self, worker: int, held: Collection[int]) -> int:
        return await self._connections.perform(lambda connection: disown(connection, worker, held))

    async def leave(self, worker: int) -> None:
        async def leave(connection: Connection) -> None:
            await connection.run("START TRANSACTION")
            await disown(connection, worker, ())
            gone = "DELETE FROM mizzen_job_worker WHERE id = %s; COMMIT"
            await connection.run(gone, (worker,))

        await self._connections.perform(leave)

    async def rescue(self, lease: float, alive: Callable[[WorkerInfo], bool]) -> int:
        now = self.clock()
        rescued = await self._connections.perform(
            lambda connection: rescue(connection, now, lease, alive)
        )
        self._news = True
        if rescued:
            self._bell.ring()
        return rescued

    async def cancel(self, id: int) -> Status | None:
        now = self.clock()
        states = await self._connections.perform(lambda connection: cancel(connection, [id], now))
        self._news = True
        was = STATES[states[id]] if id in states else None
        if was == "running":
            self._bell.ring()
        return was

    async def cancelling(self, worker: int) -> list[int]:
        rows = await self._rows(
            "SELECT id FROM mizzen_job_cancel JOIN mizzen_job USING (id) "
            "WHERE state = 2 AND worker = %s",
            (worker,),
        )
        return [id for (id,) in rows]

    async def pause(self, queue: str, paused: bool) -> None:
        statement = (
            "INSERT INTO mizzen_job_paused (queue) VALUES (%s) "
            "ON DUPLICATE KEY UPDATE queue = VALUES(queue)"
            if paused
            else "DELETE FROM mizzen_job_paused WHERE queue = %s"
        )
        await self._change(statement, (queue,))
        self._bell.ring()

    async def paused(self) -> list[str]:
        rows = await self._rows("SELECT queue FROM mizzen_job_paused ORDER BY queue")
        return [queue for (queue,) in rows]

    async def report(self, progress: Sequence[tuple[int, int, str]]) -> None:
        statement = "UPDATE mizzen_job SET progress = %s WHERE id = %s AND token = %s;"
        values = [value for id, token, text in progress for value in (text, id, token)]
        await self._connections.perform(
            lambda connection: connection.run(statement * len(progress), values)
        )

    async def memos(self, id: int) -> dict[str, str]:
        return dict(await self._rows(memos.READ, (id,)))

    async def keep_memo(self, id: int, token: int, name: str, memo: str) -> bool:
        values = {"id": id, "token": token, "name": name, "memo": memo}
        return bool(await self._rows(memos.KEEP, values))

    async def retry(self, id: int) -> bool:
        return await self.retry_many([id]) > 0

    async def find(self, id: int) -> Record | None:
        rows = await self._rows(sql.FIND, {"id": id})
        return Record(*rows[0]) if rows else None

    async def stats(self, queue: str | None, kind: str | None) -> dict[Status, int]:
        wanted = {"queue": queue, "kind": kind}
        which = " AND ".join(f"{name} = %({name})s" for name, value in wanted.items() if value)
        query = (  # names from the mapping above; the values are bound
            "SELECT CASE state WHEN 0 THEN 'queued' WHEN 1 THEN 'scheduled' ELSE 'running' END, "  # noqa: S608
            f"COUNT(*) FROM mizzen_job WHERE {which or 1} GROUP BY state UNION ALL "
            f"SELECT status, COUNT(*) FROM mizzen_job_done WHERE {which or 1} GROUP BY status"
        )
        return dict(await self._rows(query, wanted))

    async def prune(self, before: float, keep: int) -> int:
        now = self.clock()
        return await self._connections.perform(
            lambda connection: prune(connection, before, keep, now)
        )

    async def wait(self, seen: int, limit: float) -> int:
        end = time.monotonic() + limit
        while self._bell.rings == seen and (left := end - time.monotonic()) > 0:
            await self._bell.wait(seen, min(left, self._pause))
            (pulse,) = await self._rows(sql.PULSE)
            if pulse == self._pulse:
                self._pause = min(_LATE, self._pause * 1.5)
            else:
                self._pulse, self._pause = pulse, _SOON
                self._bell.ring()
        return self._bell.rings

    def ring(self) -> None:
        self._bell.ring_from_anywhere()

    async def ping(self) -> None:
        await self._rows("SELECT 1")

    async def _rows(self, statement: str, values: Any = None) -> list[Any]:
        return await self._connections.perform(
            lambda connection: connection.rows(statement, values)
        )

    async def _change(self, statement: str, values: tuple[object, ...]) -> bool:
        (changed,) = await self._connections.perform(
            lambda connection: connection.run(statement, values)
        )
        return bool(changed)


async def _create(connection: Connection) -> None:
    if await _is_complete(connection):
        return
    ((locked,),) = await connection.rows(sql.LOCK_SCHEMA)
    if not locked:
        raise StoreBusy("MariaDB: another process has been creating the tables for 30 s; try again")
    if not await _is_complete(connection):
        for columns in _TABLES.values():
            await connection.run(columns)
        await connection.run(sql.GATE)
    await connection.run(sql.UNLOCK_SCHEMA)


async def _is_complete(connection: Connection) -> bool:
    ((there,),) = await connection.rows(sql.THERE, (tuple(_TABLES),))
    return int(there) == len(_TABLES)
