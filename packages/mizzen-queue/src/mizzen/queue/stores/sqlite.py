"""Jobs in an SQLite file: durable, shared by processes, in the same file as the app's data."""

# ruff: noqa: D102  (the methods are described once, in mizzen.queue.abc.Store)

from __future__ import annotations

import contextlib
import functools
import json
import os
import sqlite3
import time
from typing import TYPE_CHECKING

import msgspec

from .._errors import QueueError
from ..abc import Inserted, Record, Status, Step
from . import _sqlite_flows as flows
from . import _sqlite_memos as memos
from . import _sqlite_schedules as schedules
from . import _sqlite_schema as sql
from ._admission import Claim
from ._bell import Bell
from ._doorbell import Doorbell
from ._inserted import has_keys, in_order
from ._lane import Lane
from ._sqlite_acks import apply
from ._sqlite_claim import Claims
from ._sqlite_maintenance import PRUNED_TOGETHER, disown, end, prunable, prune, rescue, revive
from ._sqlite_monitoring import INDEXES, SqliteMonitoring
from ._sqlite_thread import BUSY_MS, SqliteThread

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from ..abc import Ack, Claimed, Gate, NewJob, WorkerInfo

# How soon an idle worker sees what another process committed.
_POLL = 0.025
# While others write, too, claims are small, so that nobody waits for long: a job is about 12 µs.
_IN_COMPANY = 200
_COMPANY = 0.25

_STATES: tuple[Status, ...] = ("queued", "scheduled", "running")


class SqliteStore(flows.SqliteFlows, SqliteMonitoring, schedules.SqliteSchedules):
    """One thread writes, behind the lane; another reads, and watches for others' commits."""

    dialect = "sqlite"
    insert_sql: str = sql.INSERT
    keyed_sql: str = sql.INSERT_KEYED
    within_sql: str = sql.WITHIN
    complete_sql: tuple[str, ...] = memos.COMPLETE

    def __init__(self, url: str, clock: Callable[[], float] = time.time) -> None:
        self.clock = clock
        scheme, _, path = url.partition(":///")
        if scheme != "sqlite" or not path:
            raise QueueError(
                f"{url!r} names no database file: write sqlite:///app.db, or "
                "sqlite:////var/lib/app.db for an absolute path"
            )
        self.path: str = path
        self._bell = Bell()
        self._version = 0
        self._insert = sql.INSERT.format(jobs="?")
        self._insert_keyed = sql.INSERT_KEYED.format(jobs="?")
        self._within = sql.WITHIN.format(jobs="?")
        self._claims = Claims()
        self._inserted_at = float("-inf")
        self._flows = flows.FlowWatch()

    async def start(self) -> None:
        self.path = os.path.abspath(self.path)  # noqa: ASYNC240  (a look-up of the cwd, no I/O)
        self._bell.hang()
        self._doorbell = Doorbell(self.path)
        self.lane: Lane = Lane(self.path, BUSY_MS / 1000)
        self._writer = SqliteThread(self.path, self.lane)
        self._reader = SqliteThread(self.path, None)
        await self._writer.start(self._prepare)
        await self._writer.run(_create)
        await self._reader.start(_tune)

    async def aclose(self) -> None:
        self._doorbell.close()
        await self._reader.aclose()
        await self._writer.aclose()

    def _prepare(self, connection: sqlite3.Connection) -> None:
        # Two processes that switch a new file to WAL at once: one gets "locked" at once, as the
        # busy timeout doesn't apply there. The lane lets them do it one after the other.
        lane = Lane(self.path, BUSY_MS / 1000)
        lane.enter()
        try:
            connection.execute("PRAGMA journal_mode=WAL").fetchall()
        finally:
            lane.close()
        _tune(connection)

    async def insert(self, jobs: Sequence[NewJob]) -> Inserted:
        rows = msgspec.json.encode(jobs).decode()

        keyed = has_keys(jobs)

        def insert(connection: sqlite3.Connection) -> Inserted:
            if not keyed:
                return Inserted(sorted(id for (id,) in connection.execute(self._insert, (rows,))))
            new = connection.execute(self._insert_keyed, (rows,)).fetchall()
            return in_order(jobs, new, lambda: connection.execute(self._within, (rows,)).fetchall())

        self._inserted_at = time.monotonic()
        inserted = await self._writer.run(insert)
        self._ring()
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
        others_at = max(self._inserted_at, self.lane.contended_at)
        most = min(want, _IN_COMPANY) if time.monotonic() - others_at < _COMPANY else want

        def step(connection: sqlite3.Connection) -> Step:
            self._flows.watch(connection)
            refused = apply(connection, acks) if acks else set[int]()
            self._flows.settle(connection, now)
            connection.execute(sql.PROMOTE, (now,))
            claim = Claim([])
            if most:
                claim = self._claims.claim(connection, worker, most, kinds, queues, room, now)
                claim.crowded |= most < want and len(claim.jobs) >= most
            due = connection.execute("SELECT min(run_at) FROM mizzen_job WHERE state = 1")
            return claim.step(refused, due.fetchone()[0])

        return await self._writer.run(step, is_long=True)

    async def charge(self, job: Claimed) -> bool:
        return await self._change(
            "UPDATE mizzen_job SET attempt = attempt + 1, charged = 1 WHERE id = ? AND token = ?",
            (job.id, job.token),
        )

    async def heartbeat(self, worker: WorkerInfo) -> None:
        await self._change(
            "INSERT INTO mizzen_job_worker (id, host, pid, born, beat_at) VALUES (?, ?, ?, ?, ?) "
            "ON CONFLICT (id) DO UPDATE SET beat_at = excluded.beat_at",
            (worker.id, worker.host, worker.pid, worker.born, self.clock()),
        )

    async def disown(self, worker: int, held: Collection[int]) -> int:
        ids = json.dumps(list(held))
        return await self._writer.run(lambda connection: disown(connection, worker, ids))

    async def leave(self, worker: int) -> None:
        def leave(connection: sqlite3.Connection) -> None:
            disown(connection, worker, "[]")
            connection.execute("DELETE FROM mizzen_job_worker WHERE id = ?", (worker,))

        await self._writer.run(leave)

    async def rescue(self, lease: float, alive: Callable[[WorkerInfo], bool]) -> int:
        now = self.clock()
        rescued = await self._writer.run(lambda connection: rescue(connection, now, lease, alive))
        if rescued:
            self._ring()
        return rescued

    async def cancel(self, id: int) -> Status | None:
        now = self.clock()

        def cancel(connection: sqlite3.Connection) -> Status | None:
            asked = "UPDATE mizzen_job SET cancelling = 1 WHERE id = ? RETURNING state"
            row = connection.execute(asked, (id,)).fetchone()
            if row is None:
                return None
            state: int = row[0]
            if state < 2:
                self._flows.watch(connection)
                end(connection, "cancelled", "id = :id", now, id=id)
                self._flows.settle(connection, now)
            return _STATES[state]

        was = await self._writer.run(cancel)
        if was == "running":
            self._ring()
        return was

    async def cancelling(self, worker: int) -> list[int]:
        query = "SELECT id FROM mizzen_job WHERE cancelling = 1 AND state = 2 AND worker = ?"
        rows = await self._reader.run(
            lambda connection: connection.execute(query, (worker,)).fetchall()
        )
        return [id for (id,) in rows]

    async def pause(self, queue: str, paused: bool) -> None:
        statement = (
            "INSERT OR IGNORE INTO mizzen_job_paused (queue) VALUES (?)"
            if paused
            else "DELETE FROM mizzen_job_paused WHERE queue = ?"
        )
        await self._change(statement, (queue,))
        self._ring()

    async def paused(self) -> list[str]:
        query = "SELECT queue FROM mizzen_job_paused ORDER BY queue"
        rows = await self._reader.run(lambda connection: connection.execute(query).fetchall())
        return [queue for (queue,) in rows]

    async def report(self, progress: Sequence[tuple[int, int, str]]) -> None:
        keep = "UPDATE mizzen_job SET progress = ? WHERE id = ? AND token = ?"
        rows = [(text, id, token) for id, token, text in progress]
        await self._writer.run(lambda connection: connection.executemany(keep, rows) and None)

    async def memos(self, id: int) -> dict[str, str]:
        return await self._reader.run(lambda connection: memos.read(connection, id))

    async def keep_memo(self, id: int, token: int, name: str, memo: str) -> bool:
        return await self._writer.run(
            lambda connection: memos.keep(connection, id, token, name, memo)
        )

    async def retry(self, id: int) -> bool:
        revived = await self._writer.run(lambda connection: revive(connection, id))
        if revived:
            self._ring()
        return revived

    async def find(self, id: int) -> Record | None:
        row = await self._reader.run(
            lambda connection: connection.execute(sql.FIND, {"id": id}).fetchone()
        )
        return Record(*row) if row else None

    async def stats(self, queue: str | None, kind: str | None) -> dict[Status, int]:
        wanted = {"queue": queue, "kind": kind}
        which = " AND ".join(f"{name} = :{name}" for name, value in wanted.items() if value) or "1"
        query = (  # names from the mapping above; the values are bound
            "SELECT CASE state WHEN 0 THEN 'queued' WHEN 1 THEN 'scheduled' ELSE 'running' END, "  # noqa: S608
            f"count(*) FROM mizzen_job WHERE {which} GROUP BY state UNION ALL "
            f"SELECT status, count(*) FROM mizzen_job_done WHERE {which} GROUP BY status"
        )
        return dict(
            await self._reader.run(lambda connection: connection.execute(query, wanted).fetchall())
        )

    async def prune(self, before: float, keep: int) -> int:
        now = self.clock()
        found = await self._reader.run(lambda reader: prunable(reader, before, keep, now))
        # To find them takes 20 ms, and to drop one 25 µs: writers don't wait for all of that.
        pruned = 0
        for first in range(0, len(found), PRUNED_TOGETHER):
            ids = found[first : first + PRUNED_TOGETHER]
            pruned += await self._writer.run(functools.partial(prune, ids=ids, now=now))
        return pruned

    async def wait(self, seen: int, limit: float) -> int:
        self._doorbell.hang(self._bell.ring)
        end = time.monotonic() + limit
        while self._bell.rings == seen and (left := end - time.monotonic()) > 0:
            if await self._bell.wait(seen, min(left, _POLL)) != seen:
                break
            version = await self._reader.run(_data_version)
            if version != self._version:
                self._version = version
                self._bell.ring()
        return self._bell.rings

    def ring(self) -> None:
        self._bell.ring_from_anywhere()
        self._doorbell.ring()

    async def ping(self) -> None:
        await self._reader.run(lambda connection: connection.execute("SELECT 1").fetchone())

    def _ring(self) -> None:
        self._bell.ring()
        self._doorbell.ring()

    async def _change(self, statement: str, values: tuple[object, ...]) -> bool:
        return await self._writer.run(
            lambda connection: connection.execute(statement, values).rowcount > 0
        )


def _tune(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA synchronous=NORMAL")
    connection.execute("PRAGMA foreign_keys=ON")


def _create(connection: sqlite3.Connection) -> None:
    tables = (*sql.TABLES.split(";"), memos.TABLE, *flows.TABLES, *schedules.TABLES.split(";"))
    for statement in tables:
        connection.execute(statement)
    _upgrade(connection)
    for statement in (*sql.INDEXES.split(";"), INDEXES):
        connection.execute(statement)


def _upgrade(connection: sqlite3.Connection) -> None:
    """Add the columns that tables of an earlier version lack."""
    with contextlib.closing(sqlite3.connect(":memory:")) as newest:
        newest.executescript(sql.TABLES)
        for (table,) in newest.execute("SELECT name FROM sqlite_schema WHERE name LIKE 'mizzen%'"):
            there = {row[1] for row in connection.execute(f"PRAGMA table_info({table})")}
            for _, name, kind, required, default, _ in newest.execute(
                f"PRAGMA table_info({table})"
            ):
                if name not in there:
                    rest = f"NOT NULL DEFAULT {default}" if required else ""
                    connection.execute(f"ALTER TABLE {table} ADD COLUMN {name} {kind} {rest}")


def _data_version(connection: sqlite3.Connection) -> int:
    version: int = connection.execute("PRAGMA data_version").fetchone()[0]
    return version
