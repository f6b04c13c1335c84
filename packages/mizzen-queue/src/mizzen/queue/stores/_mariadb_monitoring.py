"""Watching the MariaDB tables, and changing many of their jobs at once."""

# ruff: noqa: S608  (the statements are put together from numbers, and from what stands here)

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from .._monitored import Tally, WorkerRecord
from ..abc import Record
from ._listing import STATES, listing
from ._mariadb_flows import revive
from ._mariadb_maintenance import cancel, delete, listed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .._monitored import Filter
    from ..abc import Status
    from ._bell import Bell
    from ._mariadb_pool import Connection, Connections

# Ids grow with time, so the first id is the oldest job.
_TALLY = """
SELECT counted.queue, counted.kind,
       CASE counted.state WHEN 0 THEN 'queued' WHEN 1 THEN 'scheduled' ELSE 'running' END, count,
       CASE counted.state WHEN 0 THEN oldest.created_at END
FROM (SELECT queue, kind, state, COUNT(*) AS count, MIN(id) AS first FROM mizzen_job
      GROUP BY queue, kind, state) AS counted
JOIN mizzen_job AS oldest ON oldest.id = first
UNION ALL
SELECT queue, kind, status, COUNT(*), NULL FROM mizzen_job_done GROUP BY status, kind, queue
"""

_ENDED = """
SELECT CAST(FLOOR(finished_at / 60) AS SIGNED) AS minute, status, COUNT(*) FROM mizzen_job_done
WHERE finished_at >= %s AND finished_at < %s GROUP BY minute, status
"""

_WORKERS = """
SELECT id, host, pid, beat_at, (SELECT COUNT(*) FROM mizzen_job WHERE state = 2 AND worker = who.id)
FROM mizzen_job_worker AS who ORDER BY host, pid, id
"""


class MariaDBMonitoring:
    """The part of the MariaDB store that `mizzen.queue._monitored.Monitored` describes."""

    clock: Callable[[], float]
    _bell: Bell
    _connections: Connections
    _news: bool

    async def settle(self) -> None:
        raise NotImplementedError

    async def list(
        self, which: Filter, limit: int, before: int | None, brief: bool
    ) -> Sequence[Record]:
        text, values = listing(
            which, after=before is not None, brief=brief, parameter=lambda name: f"%({name})s"
        )
        text = re.sub(r"CAST\(NULL AS [a-z ]+\)", "NULL", text)  # not said that way here
        rows = await self._query(text, values | {"limit": limit, "before": before})
        return [Record(*row) for row in rows]

    async def tally(self) -> Sequence[Tally]:
        return [Tally(*row) for row in await self._query(_TALLY)]

    async def ended(self, first: int, last: int) -> Sequence[tuple[int, Status, int]]:
        rows: Sequence[tuple[int, Status, int]]
        rows = await self._query(_ENDED, (first * 60, last * 60 + 60))
        return rows

    async def on_record(self) -> Sequence[WorkerRecord]:
        return [WorkerRecord(*row) for row in await self._query(_WORKERS)]

    async def cancel_many(self, ids: Sequence[int]) -> dict[int, Status]:
        now = self.clock()
        states = await self._connections.perform(lambda connection: cancel(connection, ids, now))
        self._news = True
        self._bell.ring()
        return {id: STATES[state] for id, state in states.items()}

    async def retry_many(self, ids: Sequence[int]) -> int:
        revived = await self._connections.perform(lambda connection: revive(connection, ids))
        await self.settle()
        self._bell.ring()
        return revived

    async def delete(self, ids: Sequence[int], status: Status | None) -> int:
        chosen = f"id IN ({listed(ids)})"
        if status is not None:
            chosen += f" AND status = '{status}'"

        async def forget(connection: Connection) -> int:
            query = f"SELECT id FROM mizzen_job_done WHERE {chosen}"
            return await delete(connection, [id for (id,) in await connection.rows(query)])

        return await self._connections.perform(forget)

    async def _query(self, statement: str, values: Any = None) -> Any:
        return await self._connections.perform(
            lambda connection: connection.rows(statement, values)
        )
