"""Watching the SQLite tables, and changing many of their jobs at once."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from .._monitored import Tally, WorkerRecord
from ..abc import Record
from . import _sqlite_flows as flows
from ._listing import STATES, listing
from ._sqlite_maintenance import end, revive
from ._sqlite_memos import forget

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Sequence

    from .._monitored import Filter
    from ..abc import Status
    from ._bell import Bell
    from ._sqlite_thread import SqliteThread

# What is dead or cancelled is rare among what is done, and is what people look for.
INDEXES = """
CREATE INDEX IF NOT EXISTS mizzen_job_done_failed
    ON mizzen_job_done (status, id) WHERE status <> 'done'
"""

# Each part reads one index alone; ids grow with time, so the first id is the oldest job.
_TALLY = """
SELECT queue, kind, 'queued', count,
       (SELECT created_at FROM mizzen_job WHERE id = first)
FROM (SELECT queue, kind, sum(count) AS count, min(first) AS first FROM (
        SELECT queue, kind, count(*) AS count, min(id) AS first
        FROM mizzen_job WHERE state = 0 AND gate IS NULL GROUP BY queue, kind
        UNION ALL
        SELECT queue, kind, count(*), min(id)
        FROM mizzen_job WHERE state = 0 AND gate IS NOT NULL GROUP BY queue, kind
      ) GROUP BY queue, kind)
UNION ALL
SELECT queue, kind, 'scheduled', count(*), NULL FROM mizzen_job WHERE state = 1 GROUP BY queue, kind
UNION ALL
SELECT queue, kind, 'running', count(*), NULL FROM mizzen_job WHERE state = 2 GROUP BY queue, kind
UNION ALL
SELECT queue, kind, status, count(*), NULL FROM mizzen_job_done GROUP BY status, kind, queue
"""

_NEXT_GROUP = """
SELECT status, kind, queue FROM mizzen_job_done WHERE (status, kind, queue) > (?, ?, ?)
ORDER BY status, kind, queue LIMIT 1
"""

_ENDED = """
SELECT value, :status, (
    SELECT count(*) FROM mizzen_job_done WHERE status = :status AND kind = :kind AND queue = :queue
    AND finished_at >= value * 60 AND finished_at < value * 60 + 60) AS count
FROM json_each(:minutes)
"""

_WORKERS = """
SELECT id, host, pid, beat_at, (SELECT count(*) FROM mizzen_job WHERE state = 2 AND worker = who.id)
FROM mizzen_job_worker AS who ORDER BY host, pid, id
"""

_AMONG = "id IN (SELECT value FROM json_each(:ids))"


class SqliteMonitoring:
    """The part of the SQLite store that `mizzen.queue._monitored.Monitored` describes."""

    clock: Callable[[], float]
    _reader: SqliteThread
    _writer: SqliteThread
    _bell: Bell

    async def list(
        self, which: Filter, limit: int, before: int | None, brief: bool
    ) -> Sequence[Record]:
        text, values = listing(
            which, after=before is not None, brief=brief, parameter=lambda name: f":{name}"
        )
        values |= {"limit": limit, "before": before}
        rows = await self._reader.run(
            lambda connection: connection.execute(text, values).fetchall()
        )
        return [Record(*row) for row in rows]

    async def tally(self) -> Sequence[Tally]:
        rows = await self._reader.run(lambda connection: connection.execute(_TALLY).fetchall())
        return [Tally(*row) for row in rows]

    async def ended(self, first: int, last: int) -> Sequence[tuple[int, Status, int]]:
        return await self._reader.run(lambda connection: _ended(connection, first, last))

    async def on_record(self) -> Sequence[WorkerRecord]:
        rows = await self._reader.run(lambda connection: connection.execute(_WORKERS).fetchall())
        return [WorkerRecord(*row) for row in rows]

    async def cancel_many(self, ids: Sequence[int]) -> dict[int, Status]:
        now, wanted = self.clock(), json.dumps(list(ids))

        def cancel(connection: sqlite3.Connection) -> dict[int, Status]:
            asked = f"UPDATE mizzen_job SET cancelling = 1 WHERE {_AMONG} RETURNING id, state"  # noqa: S608
            rows = connection.execute(asked, {"ids": wanted}).fetchall()
            end(connection, "cancelled", f"{_AMONG} AND state < 2", now, ids=wanted)
            return {id: STATES[state] for id, state in rows}

        cancelled = await self._writer.run(cancel)
        self._bell.ring()
        return cancelled

    async def retry_many(self, ids: Sequence[int]) -> int:
        revived = await self._writer.run(
            lambda connection: sum(revive(connection, id) for id in ids)
        )
        self._bell.ring()
        return revived

    async def delete(self, ids: Sequence[int], status: Status | None) -> int:
        values = {"ids": json.dumps(list(ids)), "status": status}
        delete = (
            f"DELETE FROM mizzen_job_done WHERE {_AMONG} AND status = coalesce(:status, status) "  # noqa: S608
            "RETURNING id"
        )

        def drop(connection: sqlite3.Connection) -> int:
            gone = [id for (id,) in connection.execute(delete, values).fetchall()]
            forget(connection, gone)
            flows.forget(connection, gone)
            return len(gone)

        return await self._writer.run(drop)


def _ended(connection: sqlite3.Connection, first: int, last: int) -> list[tuple[int, Status, int]]:
    """Step over history from one group to the next, and read what is recent of each."""
    minutes = json.dumps(list(range(first, last + 1)))
    found: list[tuple[int, Status, int]] = []
    group: tuple[str, str, str] = ("", "", "")
    while following := connection.execute(_NEXT_GROUP, group).fetchone():
        group = following
        status, kind, queue = group
        values = {"status": status, "kind": kind, "queue": queue, "minutes": minutes}
        counts = connection.execute(_ENDED, values)
        found += [counted for counted in counts if counted[2]]
    return found
