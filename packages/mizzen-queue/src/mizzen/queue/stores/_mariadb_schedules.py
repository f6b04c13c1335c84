"""Schedules in MariaDB: a time is fired by whoever inserts it first, together with its job."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from .._scheduled import REMEMBERED, Planned
from . import _mariadb_schema as sql
from ._inserted import has_keys, in_order

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ..abc import Inserted, NewJob
    from ._bell import Bell
    from ._mariadb_pool import Connection, Connections

_TABLE = "ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin"

TABLES = {
    "mizzen_schedule": f"""
CREATE TABLE IF NOT EXISTS mizzen_schedule (
    name VARCHAR(255) PRIMARY KEY,
    spec LONGTEXT NOT NULL,
    since DOUBLE NOT NULL,
    paused BOOLEAN NOT NULL DEFAULT false,
    last_at DOUBLE,
    last_job BIGINT
) {_TABLE}
""",
    "mizzen_schedule_fire": f"""
CREATE TABLE IF NOT EXISTS mizzen_schedule_fire (
    schedule VARCHAR(255) NOT NULL,
    at DOUBLE NOT NULL,
    fired_at DOUBLE NOT NULL,
    PRIMARY KEY (schedule, at),
    KEY fired (fired_at)
) {_TABLE}
""",
}

# Assignments are made from left to right: `since` goes by the spec that was there.
_PLAN = """
INSERT INTO mizzen_schedule (name, spec, since) VALUES (%s, %s, %s)
ON DUPLICATE KEY UPDATE since = IF(spec = VALUES(spec), since, VALUES(since)), spec = VALUES(spec);
"""
_PLANNED = "SELECT name, since, paused, last_at, last_job FROM mizzen_schedule"
# A row that is there already is updated to what it is, and not counted.
_FIRE = """
START TRANSACTION;
INSERT INTO mizzen_schedule_fire (schedule, at, fired_at)
SELECT name, %(at)s, %(now)s FROM mizzen_schedule WHERE name = %(name)s AND NOT paused
ON DUPLICATE KEY UPDATE schedule = schedule
"""
_FIRED = """
UPDATE mizzen_schedule SET last_at = %(at)s, last_job = %(job)s WHERE name = %(name)s;
DELETE FROM mizzen_schedule_fire WHERE fired_at < %(old)s;
COMMIT
"""
_HOLD = """
UPDATE mizzen_schedule
SET since = IF(paused AND NOT %(paused)s, %(now)s, since), paused = %(paused)s
WHERE name = %(name)s;
SELECT COUNT(*) FROM mizzen_schedule WHERE name = %(name)s
"""


class MariaDBSchedules:
    """The part of the MariaDB store that `mizzen.queue._scheduled.Scheduled` describes."""

    _connections: Connections
    _bell: Bell

    def clock(self) -> float:
        raise NotImplementedError

    async def _rows(self, statement: str, values: Any = None) -> list[Any]:
        raise NotImplementedError

    async def plan(self, specs: Mapping[str, str]) -> Sequence[Planned]:
        now = self.clock()
        values = [value for name in sorted(specs) for value in (name, specs[name], now)]
        await self._connections.perform(
            lambda connection: connection.run(_PLAN * len(specs), values)
        )
        return [row for row in await self.planned() if row.name in specs]

    async def planned(self) -> Sequence[Planned]:
        return [
            Planned(name, since, bool(paused), *last)
            for name, since, paused, *last in await self._rows(_PLANNED)
        ]

    async def fire(self, name: str, at: float, job: NewJob) -> Inserted | None:
        now = self.clock()

        async def fire(connection: Connection) -> Inserted | None:
            # Waits for whoever is about to fire the same.
            _, fired = await connection.run(_FIRE, {"name": name, "at": at, "now": now})
            if not fired:
                await connection.run("ROLLBACK")
                return None
            inserted = await _insert(connection, job)
            ended = {"name": name, "at": at, "job": inserted.ids[0], "old": now - REMEMBERED}
            await connection.run(_FIRED, ended)
            return inserted

        inserted = await self._connections.perform(fire)
        if inserted is not None:
            self._bell.ring()
        return inserted

    async def hold(self, name: str, paused: bool) -> bool:
        values = {"name": name, "paused": paused, "now": self.clock()}
        _, ((known,),) = await self._connections.perform(
            lambda connection: connection.run(_HOLD, values)
        )
        return bool(known)


async def _insert(connection: Connection, job: NewJob) -> Inserted:
    rows = (msgspec.json.encode([job]).decode(),)
    keyed = has_keys([job])
    insert = (sql.INSERT_KEYED if keyed else sql.INSERT).format(jobs="%s")
    new = await connection.rows(insert, rows)
    if not keyed:
        return in_order([job], [(row[0], None, 0) for row in new], list)
    ended = [] if new else await connection.rows(sql.WITHIN.format(jobs="%s"), rows)
    return in_order([job], new, lambda: ended)
