"""Schedules in SQLite: a time is fired by whoever inserts it first, together with its job."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from .._scheduled import REMEMBERED, Planned
from . import _sqlite_schema as sql
from ._inserted import has_keys, in_order

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Mapping, Sequence

    from ..abc import Inserted, NewJob
    from ._bell import Bell
    from ._sqlite_thread import SqliteThread

TABLES = """
CREATE TABLE IF NOT EXISTS mizzen_schedule (
    name TEXT PRIMARY KEY,
    spec TEXT NOT NULL,
    since REAL NOT NULL,
    paused INTEGER NOT NULL DEFAULT 0,
    last_at REAL,
    last_job INTEGER
);
CREATE TABLE IF NOT EXISTS mizzen_schedule_fire (
    schedule TEXT NOT NULL,
    at REAL NOT NULL,
    fired_at REAL NOT NULL,
    PRIMARY KEY (schedule, at)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS mizzen_schedule_fired ON mizzen_schedule_fire (fired_at)
"""

_PLAN = """
INSERT INTO mizzen_schedule (name, spec, since) VALUES (?, ?, ?)
ON CONFLICT (name) DO UPDATE SET spec = excluded.spec, since = excluded.since
WHERE spec <> excluded.spec
"""
_PLANNED = "SELECT name, since, paused, last_at, last_job FROM mizzen_schedule"
_FIRE = """
INSERT INTO mizzen_schedule_fire (schedule, at, fired_at)
SELECT name, :at, :now FROM mizzen_schedule WHERE name = :name AND NOT paused
ON CONFLICT DO NOTHING
"""
_FIRED = "UPDATE mizzen_schedule SET last_at = ?, last_job = ? WHERE name = ?"
_FORGET = "DELETE FROM mizzen_schedule_fire WHERE fired_at < ?"
_HOLD = """
UPDATE mizzen_schedule
SET since = CASE WHEN paused > :paused THEN :now ELSE since END, paused = :paused
WHERE name = :name
"""


class SqliteSchedules:
    """The part of the SQLite store that `mizzen.queue._scheduled.Scheduled` describes."""

    clock: Callable[[], float]
    _reader: SqliteThread
    _writer: SqliteThread
    _bell: Bell

    async def plan(self, specs: Mapping[str, str]) -> Sequence[Planned]:
        rows = [(name, spec, self.clock()) for name, spec in specs.items()]

        def plan(connection: sqlite3.Connection) -> list[Planned]:
            connection.executemany(_PLAN, rows)
            return [row for row in _planned(connection) if row.name in specs]

        return await self._writer.run(plan)

    async def planned(self) -> Sequence[Planned]:
        return await self._reader.run(_planned)

    async def fire(self, name: str, at: float, job: NewJob) -> Inserted | None:
        now = self.clock()

        def fire(connection: sqlite3.Connection) -> Inserted | None:
            if not connection.execute(_FIRE, {"name": name, "at": at, "now": now}).rowcount:
                return None
            inserted = _insert(connection, job)
            connection.execute(_FIRED, (at, inserted.ids[0], name))
            connection.execute(_FORGET, (now - REMEMBERED,))
            return inserted

        inserted = await self._writer.run(fire)
        if inserted is not None:
            self._bell.ring()
        return inserted

    async def hold(self, name: str, paused: bool) -> bool:
        values = {"name": name, "paused": paused, "now": self.clock()}
        return await self._writer.run(
            lambda connection: connection.execute(_HOLD, values).rowcount > 0
        )


def _planned(connection: sqlite3.Connection) -> list[Planned]:
    return [
        Planned(name, since, bool(paused), *last)
        for name, since, paused, *last in connection.execute(_PLANNED)
    ]


def _insert(connection: sqlite3.Connection, job: NewJob) -> Inserted:
    rows = (msgspec.json.encode([job]).decode(),)
    keyed = has_keys([job])
    insert = (sql.INSERT_KEYED if keyed else sql.INSERT).format(jobs="?")
    new = [row if keyed else (row[0], None, 0) for row in connection.execute(insert, rows)]
    within = sql.WITHIN.format(jobs="?")
    return in_order([job], new, lambda: connection.execute(within, rows).fetchall())
