"""Workflows in SQLite: who waits for whom, and what an end means for those who wait."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import msgspec

from .._flows import FlowJob, Parent
from . import _sqlite_schema as sql
from ._flow_rows import because, edge_rows, flow_jobs, node_rows

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Collection, Sequence

    from .._flows import Link
    from ..abc import NewJob
    from ._sqlite_thread import SqliteThread

# `outcome` says how the parent ended, `news` that nobody has seen to it, `broke` that it was this
# edge that cancelled the child. A link makes its child wait: scheduled, without a time.
TABLES = (
    """
CREATE TABLE IF NOT EXISTS mizzen_job_node (
    flow INTEGER NOT NULL,
    number INTEGER NOT NULL,
    job INTEGER NOT NULL UNIQUE,
    PRIMARY KEY (flow, number)
)
""",
    """
CREATE TABLE IF NOT EXISTS mizzen_job_edge (
    child INTEGER NOT NULL,
    parent INTEGER NOT NULL,
    number INTEGER NOT NULL,
    anyway INTEGER NOT NULL,
    outcome TEXT,
    news INTEGER NOT NULL DEFAULT 0,
    broke INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (child, number)
)
""",
    "CREATE INDEX IF NOT EXISTS mizzen_job_edge_parent ON mizzen_job_edge (parent)",
    "CREATE INDEX IF NOT EXISTS mizzen_job_edge_open ON mizzen_job_edge (child) "
    "WHERE outcome IS NULL",
    "CREATE INDEX IF NOT EXISTS mizzen_job_edge_news ON mizzen_job_edge (news) WHERE news = 1",
    """
CREATE TRIGGER IF NOT EXISTS mizzen_job_linked AFTER INSERT ON mizzen_job_edge BEGIN
    UPDATE mizzen_job SET state = 1, run_at = NULL WHERE id = NEW.child AND state = 0;
END
""",
)

# So every way to end a job is noted, in its own transaction. It costs 0.6 µs for each job that
# ends, so it is made when the first workflow is seen.
_ENDED = """
CREATE TRIGGER IF NOT EXISTS mizzen_job_ended AFTER INSERT ON mizzen_job_done
WHEN NEW.meta LIKE '%"awaited"%' BEGIN
    UPDATE mizzen_job_edge SET outcome = NEW.status, news = 1 WHERE parent = NEW.id;
END
"""

_ENDED_BEFORE = """
UPDATE mizzen_job_edge
SET outcome = (SELECT status FROM mizzen_job_done WHERE id = parent), news = 1
WHERE outcome IS NULL AND parent IN (SELECT id FROM mizzen_job_done)
"""

NODES = """
INSERT INTO mizzen_job_node (flow, number, job)
SELECT value ->> 0, value ->> 1, value ->> 2 FROM json_each({jobs}) RETURNING job
"""

EDGES = """
INSERT INTO mizzen_job_edge (child, parent, number, anyway)
SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3 FROM json_each({jobs}) RETURNING child
"""

_NEWS = """
UPDATE mizzen_job_edge SET news = 0 WHERE news = 1 RETURNING child, parent, outcome, anyway
"""

_CANCEL = f"""
INSERT INTO mizzen_job_done ({sql.HISTORY})
SELECT id, 'cancelled', queue, kind, priority, args, attempt, max_attempts, created_at, NULL,
       :now, NULL, :error, unique_key, NULL, unique_until_start, limit_key, rate_key, fair_key,
       progress, meta
FROM mizzen_job WHERE id = :child AND state = 1 AND run_at IS NULL
"""  # noqa: S608  (what the statement is put together from stands in the code)

_PROMOTE = """
UPDATE mizzen_job SET state = 0
WHERE state = 1 AND run_at IS NULL AND id IN (SELECT value FROM json_each(?)) AND NOT EXISTS (
    SELECT 1 FROM mizzen_job_edge WHERE child = mizzen_job.id AND outcome IS NULL)
"""

_PARENTS = """
SELECT number, id, kind, status, result, error
FROM mizzen_job_edge JOIN mizzen_job_done ON id = parent WHERE child = ? ORDER BY number
"""

_FLOW = """
SELECT node.number, id, kind, status, attempt, error, meta, edge.number FROM (
    SELECT number, job, id, kind, CASE state WHEN 0 THEN 'queued' WHEN 1 THEN 'scheduled'
           ELSE 'running' END AS status, attempt, error, meta
    FROM mizzen_job_node JOIN mizzen_job ON id = job WHERE flow = :flow
    UNION ALL
    SELECT number, job, id, kind, status, attempt, error, meta
    FROM mizzen_job_node JOIN mizzen_job_done ON id = job WHERE flow = :flow
) AS node LEFT JOIN mizzen_job_edge AS edge ON edge.child = node.job
ORDER BY node.number, edge.number
"""

# What history must not drop, as a waiting job needs it.
NEEDED = """
EXISTS (SELECT 1 FROM mizzen_job_edge JOIN mizzen_job ON mizzen_job.id = child
        WHERE parent = mizzen_job_done.id)
"""


class SqliteFlows:
    """The part of the SQLite store that `mizzen.queue.abc.Flows` describes."""

    link_sql: tuple[str, str] = (NODES, EDGES)
    clock: Callable[[], float]
    _reader: SqliteThread
    _writer: SqliteThread

    def ring(self) -> None:
        raise NotImplementedError

    async def insert_flow(self, jobs: Sequence[NewJob], links: Sequence[Link]) -> list[int]:
        rows = msgspec.json.encode(jobs).decode()
        insert = sql.INSERT_KEYED.format(jobs="?")

        def put(connection: sqlite3.Connection) -> list[int]:
            ids = sorted(row[0] for row in connection.execute(insert, (rows,)).fetchall())
            connection.execute(NODES.format(jobs="?"), (node_rows(ids),)).fetchall()
            connection.execute(EDGES.format(jobs="?"), (edge_rows(ids, links),)).fetchall()
            return ids

        ids = await self._writer.run(put)
        self.ring()
        return ids

    async def parents(self, id: int) -> list[Parent]:
        rows = await self._reader.run(
            lambda connection: connection.execute(_PARENTS, (id,)).fetchall()
        )
        return [Parent(*row) for row in rows]

    async def flow(self, id: int) -> list[FlowJob]:
        rows = await self._reader.run(
            lambda connection: connection.execute(_FLOW, {"flow": id}).fetchall()
        )
        return flow_jobs(rows)


class FlowWatch:
    """Notes ends and settles them, for one store, as soon as there is a workflow."""

    def __init__(self) -> None:
        self._watching = False

    def watch(self, connection: sqlite3.Connection) -> None:
        """From the first workflow on, note the end of each job that others may wait for."""
        if self._watching:
            return
        if connection.execute("SELECT 1 FROM mizzen_job_node LIMIT 1").fetchone():
            connection.execute(_ENDED)
            connection.execute(_ENDED_BEFORE)
            self._watching = True

    def settle(self, connection: sqlite3.Connection, now: float) -> None:
        """Queue those who waited, or cancel them, as the ends that are news to them say."""
        if self._watching:
            settle(connection, now)


def settle(connection: sqlite3.Connection, now: float) -> None:
    """Queue those who waited, or cancel them, as the ends that are news to them say."""
    # Those who are cancelled are news for their own children, and so on.
    while connection.execute("SELECT 1 FROM mizzen_job_edge WHERE news = 1 LIMIT 1").fetchone():
        news = connection.execute(_NEWS).fetchall()
        for child, parent, outcome, anyway in sorted(news):
            if outcome != "done" and not anyway:
                _cancel(connection, child, parent, outcome, now)
        connection.execute(_PROMOTE, (json.dumps(list({child for child, *_ in news})),))


def _cancel(
    connection: sqlite3.Connection, child: int, parent: int, outcome: str, now: float
) -> None:
    kind = connection.execute("SELECT kind FROM mizzen_job_done WHERE id = ?", (parent,)).fetchone()
    error = because(parent, kind and kind[0], outcome)
    if connection.execute(_CANCEL, {"child": child, "error": error, "now": now}).rowcount:
        connection.execute("DELETE FROM mizzen_job WHERE id = ?", (child,))
        connection.execute(
            "UPDATE mizzen_job_edge SET broke = 1 WHERE child = ? AND parent = ?", (child, parent)
        )


def revived(
    connection: sqlite3.Connection, id: int, revive: Callable[[sqlite3.Connection, int], bool]
) -> None:
    """See to it that a job that came back waits again, and bring back those whom it cancelled."""
    back = [id]
    while back:
        id = back.pop()
        # It goes by the ends of its own parents, as it did at first.
        linked = connection.execute(
            "UPDATE mizzen_job_edge SET news = outcome IS NOT NULL, broke = 0 WHERE child = ?",
            (id,),
        )
        if linked.rowcount:
            wait = "UPDATE mizzen_job SET state = 1, run_at = NULL WHERE id = ? AND state = 0"
            connection.execute(wait, (id,))
        query = "SELECT child FROM mizzen_job_edge WHERE parent = ? AND broke = 1"
        broken = [child for (child,) in connection.execute(query, (id,))]
        connection.execute(
            "UPDATE mizzen_job_edge SET outcome = NULL, news = 0, broke = 0 WHERE parent = ?", (id,)
        )
        back += [child for child in broken if revive(connection, child)]


def forget(connection: sqlite3.Connection, jobs: Collection[int]) -> None:
    """Drop the links of these jobs, which history has dropped."""
    gone = json.dumps(list(jobs))
    among = "IN (SELECT value FROM json_each(?))"
    connection.execute(f"DELETE FROM mizzen_job_node WHERE job {among}", (gone,))  # noqa: S608
    connection.execute(f"DELETE FROM mizzen_job_edge WHERE child {among}", (gone,))  # noqa: S608
