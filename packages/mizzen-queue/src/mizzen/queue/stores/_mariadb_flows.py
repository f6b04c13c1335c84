"""Workflows in MariaDB: who waits for whom, and what an end means for those who wait."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from .._flows import FlowJob, Parent
from . import _mariadb_flows_sql as sql
from . import _mariadb_schema as schema
from ._flow_rows import because, edge_rows, flow_jobs, node_rows
from ._mariadb_maintenance import back_from_history, end, listed

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from .._flows import Link
    from ..abc import NewJob
    from ._mariadb_pool import Connection, Connections


class MariaDBFlows:
    """The part of the MariaDB store that `mizzen.queue._flows.Flows` describes."""

    link_sql: tuple[str, str] = (sql.NODES, sql.EDGES)
    _connections: Connections

    def ring(self) -> None:
        raise NotImplementedError

    async def insert_flow(self, jobs: Sequence[NewJob], links: Sequence[Link]) -> list[int]:
        rows = msgspec.json.encode(jobs).decode()

        async def put(connection: Connection) -> list[int]:
            insert = f"START TRANSACTION; {schema.INSERT_KEYED.format(jobs='%s')}"
            ids = sorted(row[0] for row in (await connection.run(insert, (rows,)))[1])
            await connection.run(sql.NODES.format(jobs="%s"), (node_rows(ids),))
            edges = sql.EDGES.format(jobs="%s")
            await connection.run(f"{edges}; COMMIT", (edge_rows(ids, links),))
            return ids

        ids = await self._connections.perform(put)
        self.ring()
        return ids

    async def parents(self, id: int) -> list[Parent]:
        rows = await self._connections.perform(
            lambda connection: connection.rows(sql.PARENTS, (id,))
        )
        return [Parent(*row) for row in rows]

    async def flow(self, id: int) -> list[FlowJob]:
        rows = await self._connections.perform(
            lambda connection: connection.rows(sql.FLOW, {"flow": id})
        )
        return flow_jobs(rows)


async def settle(connection: Connection, now: float) -> None:
    """Queue those who waited, or cancel them, as the ends that are news to them say.

    The ends have committed before; so whoever comes last sees all that are news to a child.
    """
    await connection.run(sql.LOCK)
    # Those who are cancelled are news for their own children, and so on.
    while news := await connection.rows(sql.NEWS):
        broken = {
            child: (parent, outcome)
            for child, _, parent, outcome, anyway in sorted(news, reverse=True)
            if outcome != "done" and not anyway
        }
        seen = msgspec.json.encode([row[:2] for row in news]).decode()
        look = sql.SEEN.replace("{parents}", listed({parent for parent, _ in broken.values()}))
        _, kinds, waiting = await connection.run(look.replace("{broken}", listed(broken)), (seen,))
        by_parent: dict[tuple[int, str], list[int]] = {}
        for (child,) in waiting:
            by_parent.setdefault(broken[child], []).append(child)
        for (parent, outcome), children in by_parent.items():
            error = because(parent, dict(kinds).get(parent), outcome)
            await end(connection, children, "cancelled", now, error)
            await connection.run(sql.BROKE.replace("{ids}", listed(children)), (parent,))
        told = listed({row[0] for row in news})
        if free := await connection.rows(sql.FREE.replace("{ids}", told)):
            ids = listed(id for (id,) in free)
            await connection.run(sql.PROMOTE.replace("{ids}", ids))
    await connection.run("COMMIT")


async def revive(connection: Connection, ids: Collection[int]) -> int:
    """Bring jobs back from history, and those whom they cancelled; how many of *ids*."""
    await connection.run(sql.LOCK)
    back = await back_from_history(connection, ids)
    revived = len(back)
    while back:
        statements = sql.CAME_BACK.replace("{ids}", listed(back))
        _, _, broken, _ = await connection.run(statements)
        back = await back_from_history(connection, [id for (id,) in broken])
    await connection.run("COMMIT")
    return revived
