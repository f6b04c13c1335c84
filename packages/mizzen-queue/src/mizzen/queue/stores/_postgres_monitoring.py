"""Watching the PostgreSQL tables, and changing many of their jobs at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._monitored import Tally, WorkerRecord
from ..abc import Record
from . import _postgres_flows as flows
from . import _postgres_schema as sql
from ._listing import STATES, listing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .._monitored import Filter
    from ..abc import Status
    from ._bell import Bell
    from ._postgres_pool import Connections

# What is dead or cancelled is rare among what is done, and is what people look for. Asked for
# before it is made: even IF NOT EXISTS locks the table against writers.
HAS_INDEXES = "SELECT to_regclass('mizzen_job_done_failed') IS NOT NULL"
INDEXES = """
CREATE INDEX IF NOT EXISTS mizzen_job_done_failed
    ON mizzen_job_done (status, id) WHERE status <> 'done'
"""

# Ids grow with time, so the first id is the oldest job.
_TALLY = """
SELECT counted.queue, counted.kind,
       CASE counted.state WHEN 0 THEN 'queued' WHEN 1 THEN 'scheduled' ELSE 'running' END, count,
       CASE counted.state WHEN 0 THEN oldest.created_at END
FROM (SELECT queue, kind, state, count(*), min(id) AS first FROM mizzen_job
      GROUP BY queue, kind, state) AS counted
JOIN mizzen_job AS oldest ON oldest.id = first
UNION ALL
SELECT queue, kind, status, count(*), NULL FROM mizzen_job_done GROUP BY status, kind, queue
"""

# Steps over history from one group to the next, and reads what is recent of each.
_ENDED = """
WITH RECURSIVE part AS (
    (SELECT status, kind, queue FROM mizzen_job_done ORDER BY status, kind, queue LIMIT 1)
    UNION ALL
    SELECT following.* FROM part CROSS JOIN LATERAL (
        SELECT status, kind, queue FROM mizzen_job_done AS job
        WHERE (job.status, job.kind, job.queue) > (part.status, part.kind, part.queue)
        ORDER BY job.status, job.kind, job.queue LIMIT 1) AS following
)
SELECT recent.minute, part.status, sum(recent.count)::bigint
FROM part CROSS JOIN LATERAL (
    SELECT floor(finished_at / 60)::bigint AS minute, count(*) FROM mizzen_job_done AS job
    WHERE job.status = part.status AND job.kind = part.kind AND job.queue = part.queue
      AND finished_at >= %s AND finished_at < %s GROUP BY 1) AS recent
GROUP BY 1, 2
"""

_WORKERS = """
SELECT id, host, pid, beat_at, (SELECT count(*) FROM mizzen_job WHERE state = 2 AND worker = who.id)
FROM mizzen_job_worker AS who ORDER BY host, pid, id
"""

_CANCEL = "UPDATE mizzen_job SET cancelling = true WHERE id = ANY(%s) RETURNING id, state"
_DELETE = """
WITH gone AS (
    SELECT id FROM mizzen_job_done
    WHERE id = ANY(%(ids)s) AND status = coalesce(%(status)s::text, status)
), forgotten AS (DELETE FROM mizzen_job_memo USING gone WHERE job = gone.id
), unlinked AS (DELETE FROM mizzen_job_edge USING gone WHERE child = gone.id
), left_flow AS (DELETE FROM mizzen_job_node USING gone WHERE job = gone.id)
DELETE FROM mizzen_job_done USING gone WHERE mizzen_job_done.id = gone.id
"""


class PostgresMonitoring:
    """The part of the PostgreSQL store that `mizzen.queue._monitored.Monitored` describes."""

    _bell: Bell
    _connections: Connections

    def clock(self) -> float:
        raise NotImplementedError

    async def _fetch(self, statement: str, values: Any) -> list[Any]:
        raise NotImplementedError

    async def _count(self, statement: str, values: Any) -> int:
        raise NotImplementedError

    async def list(
        self, which: Filter, limit: int, before: int | None, brief: bool
    ) -> Sequence[Record]:
        text, values = listing(
            which, after=before is not None, brief=brief, parameter=lambda name: f"%({name})s"
        )
        rows = await self._fetch(text, values | {"limit": limit, "before": before})
        return [Record(*row) for row in rows]

    async def tally(self) -> Sequence[Tally]:
        return [Tally(*row) for row in await self._fetch(_TALLY, ())]

    async def ended(self, first: int, last: int) -> Sequence[tuple[int, Status, int]]:
        return await self._fetch(_ENDED, (first * 60, last * 60 + 60))

    async def on_record(self) -> Sequence[WorkerRecord]:
        return [WorkerRecord(*row) for row in await self._fetch(_WORKERS, ())]

    async def cancel_many(self, ids: Sequence[int]) -> dict[int, Status]:
        rows = await self._fetch(_CANCEL, (list(ids),))
        await self._count(sql.CANCELLED, {"now": self.clock()})
        await self._fetch("SELECT pg_notify('mizzen_job', '')", ())
        self._bell.ring()
        return {id: STATES[state] for id, state in rows}

    async def retry_many(self, ids: Sequence[int]) -> int:
        async with self._connections.lend() as connection:
            revived = await flows.revive(connection, ids, self.clock())
        self._bell.ring()
        return revived

    async def delete(self, ids: Sequence[int], status: Status | None) -> int:
        return await self._count(_DELETE, {"ids": list(ids), "status": status})
