"""Workflows in PostgreSQL: who waits for whom, and what an end means for those who wait."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from .._flows import FlowJob, Parent
from . import _postgres_flows_sql as sql
from . import _postgres_schema as schema
from ._flow_rows import edge_rows, flow_jobs, node_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import psycopg

    from .._flows import Link
    from ..abc import NewJob
    from ._postgres_pool import Connections

    Connection = psycopg.AsyncConnection[Any]

_LOCK = 120372471820151  # as in mizzen_job_settle


class PostgresFlows:
    """The part of the PostgreSQL store that `mizzen.queue.abc.Flows` describes."""

    link_sql: tuple[str, str] = (sql.NODES, sql.EDGES)
    clock: Callable[[], float]
    _connections: Connections

    def ring(self) -> None:
        raise NotImplementedError

    async def insert_flow(self, jobs: Sequence[NewJob], links: Sequence[Link]) -> list[int]:
        rows = msgspec.json.encode(jobs).decode()
        async with self._connections.lend() as connection, connection.transaction():
            insert = schema.INSERT_KEYED.format(jobs="%s")
            ids = sorted(row[0] for row in await _rows(connection, insert, (rows,)))
            await _rows(connection, sql.NODES.format(jobs="%s"), (node_rows(ids),))
            await _rows(connection, sql.EDGES.format(jobs="%s"), (edge_rows(ids, links),))
        self.ring()
        return ids

    async def settle_news(self) -> None:
        """Settle, if there is anything to be settled."""
        async with self._connections.lend() as connection:
            await settle_news(connection, self.clock())

    async def parents(self, id: int) -> list[Parent]:
        async with self._connections.lend() as connection:
            return [Parent(*row) for row in await _rows(connection, sql.PARENTS, (id,))]

    async def flow(self, id: int) -> list[FlowJob]:
        async with self._connections.lend() as connection:
            return flow_jobs(await _rows(connection, sql.FLOW, {"flow": id}))


async def create(connection: Connection) -> None:
    """Make the tables, and the triggers, when they are missing."""
    if (await _rows(connection, "SELECT to_regclass('mizzen_job_edge')", ()))[0][0] is None:
        await connection.execute(sql.TABLES.encode())
        await connection.execute(sql.SETTLE_FUNCTION.encode())


async def settle(connection: Connection, now: float) -> None:
    """Queue those who waited, or cancel them, as the ends that are news to them say."""
    await connection.execute(sql.SETTLE, (now,))


async def settle_news(connection: Connection, now: float) -> None:
    """Settle, if there is anything to be settled."""
    if (await _rows(connection, sql.HAS_NEWS, ()))[0][0]:
        await settle(connection, now)


async def revive(connection: Connection, ids: Sequence[int], now: float) -> int:
    """Bring jobs back from history, and those whom they cancelled; how many of *ids*."""
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
        wanted = [id for (id,) in await _rows(connection, sql.CANCELLED_BY, (list(ids),))]
        back = [id for (id,) in await _rows(connection, sql.REVIVE, (wanted,))]
        await connection.execute(sql.REOPEN, (back,))
        await connection.execute(sql.WAIT_AGAIN, (back,))
    revived = len(set(back).intersection(ids))
    await settle_news(connection, now)
    return revived


async def _rows(connection: Connection, statement: str, values: Any) -> list[Any]:
    return await (await connection.execute(statement.encode(), values)).fetchall()
