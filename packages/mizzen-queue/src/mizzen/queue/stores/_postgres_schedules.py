"""Schedules in PostgreSQL: a time is fired by whoever inserts it first, together with its job."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from .._scheduled import REMEMBERED, Planned
from . import _postgres_schema as sql
from ._inserted import has_keys, in_order

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ..abc import Inserted, NewJob
    from ._bell import Bell
    from ._postgres_pool import Connection, Connections

# Asked for before they are made: even IF NOT EXISTS locks the table against writers.
HAS_TABLES = "SELECT to_regclass('mizzen_schedule_fired') IS NOT NULL"
TABLES = """
CREATE TABLE IF NOT EXISTS mizzen_schedule (
    name text COLLATE "C" PRIMARY KEY,
    spec text NOT NULL,
    since float8 NOT NULL,
    paused boolean NOT NULL DEFAULT false,
    last_at float8,
    last_job bigint
);
CREATE TABLE IF NOT EXISTS mizzen_schedule_fire (
    schedule text COLLATE "C" NOT NULL,
    at float8 NOT NULL,
    fired_at float8 NOT NULL,
    PRIMARY KEY (schedule, at)
);
CREATE INDEX IF NOT EXISTS mizzen_schedule_fired ON mizzen_schedule_fire (fired_at);
"""

# In the order of their names, as two nodes that start at once must lock them.
_PLAN = """
INSERT INTO mizzen_schedule AS known (name, spec, since)
SELECT name, spec, %(now)s FROM unnest(%(names)s::text[], %(specs)s::text[]) AS given (name, spec)
ORDER BY name COLLATE "C"
ON CONFLICT (name) DO UPDATE SET spec = excluded.spec, since = excluded.since
WHERE known.spec <> excluded.spec
"""
_PLANNED = "SELECT name, since, paused, last_at, last_job FROM mizzen_schedule"
_FIRE = """
INSERT INTO mizzen_schedule_fire (schedule, at, fired_at)
SELECT name, %(at)s, %(now)s FROM mizzen_schedule WHERE name = %(name)s AND NOT paused
ON CONFLICT DO NOTHING
"""
_FIRED = "UPDATE mizzen_schedule SET last_at = %s, last_job = %s WHERE name = %s"
_FORGET = "DELETE FROM mizzen_schedule_fire WHERE fired_at < %s"
_HOLD = """
UPDATE mizzen_schedule
SET since = CASE WHEN paused AND NOT %(paused)s THEN %(now)s ELSE since END, paused = %(paused)s
WHERE name = %(name)s
"""


class PostgresSchedules:
    """The part of the PostgreSQL store that `mizzen.queue._scheduled.Scheduled` describes."""

    _connections: Connections
    _bell: Bell

    def clock(self) -> float:
        raise NotImplementedError

    async def _fetch(self, statement: str, values: Any) -> list[Any]:
        raise NotImplementedError

    async def _count(self, statement: str, values: Any) -> int:
        raise NotImplementedError

    async def plan(self, specs: Mapping[str, str]) -> Sequence[Planned]:
        values = {"names": list(specs), "specs": list(specs.values()), "now": self.clock()}
        await self._count(_PLAN, values)
        return [row for row in await self.planned() if row.name in specs]

    async def planned(self) -> Sequence[Planned]:
        return [Planned(*row) for row in await self._fetch(_PLANNED, ())]

    async def fire(self, name: str, at: float, job: NewJob) -> Inserted | None:
        values = {"name": name, "at": at, "now": self.clock()}
        async with self._connections.lend() as connection, connection.transaction():
            # Waits for whoever is about to fire the same.
            if not (await connection.execute(_FIRE, values)).rowcount:
                return None
            inserted = await _insert(connection, job)
            await connection.execute(_FIRED, (at, inserted.ids[0], name))
            await connection.execute(_FORGET, (self.clock() - REMEMBERED,))
        self._bell.ring()
        return inserted

    async def hold(self, name: str, paused: bool) -> bool:
        values = {"name": name, "paused": paused, "now": self.clock()}
        return await self._count(_HOLD, values) > 0


async def _insert(connection: Connection, job: NewJob) -> Inserted:
    rows = (msgspec.json.encode([job]).decode(),)
    keyed = has_keys([job])
    insert = (sql.INSERT_KEYED if keyed else sql.INSERT).format(jobs="%s")
    new = await (await connection.execute(insert.encode(), rows)).fetchall()
    if not keyed:
        return in_order([job], [(row[0], None, 0) for row in new], list)
    within = sql.WITHIN.format(jobs="%s")
    ended = [] if new else await (await connection.execute(within.encode(), rows)).fetchall()
    return in_order([job], new, lambda: ended)
