"""Claiming in SQLite: what is ready, and what stands at the gates."""

from __future__ import annotations

import json
import secrets
from typing import TYPE_CHECKING

from ..abc import Claimed
from . import _sqlite_schema as sql
from ._admission import Claim, Line, Usage, admit, reach

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection, Mapping

    from ..abc import Gate
    from ._admission import Place

# Lines that one claim looks at; with more of them, the next claim goes on where this one ended.
_LINES = 300
_FIRST = ("", "", "")

Gateway = tuple[str, str, str]  # a queue, a kind, and the keys in one text


class Claims:
    """Claims for one store; remembers where it was among very many gated lines."""

    def __init__(self) -> None:
        self._after: Gateway = _FIRST

    def claim(
        self,
        connection: sqlite3.Connection,
        worker: int,
        want: int,
        kinds: Mapping[str, Gate],
        queues: Collection[str] | None,
        room: int,
        now: float,
    ) -> Claim:
        """Hold up to *want* jobs for *worker*."""
        known = "SELECT 1 FROM mizzen_job_worker WHERE id = ?"
        if not connection.execute(known, (worker,)).fetchone():
            return Claim([])
        closed = {name for (name,) in connection.execute("SELECT queue FROM mizzen_job_paused")}
        wanted = _Wanted(kinds, queues, closed)
        ready = _ready(connection, want, wanted)
        lines = self._lines(connection, room, wanted)
        held_back: set[str] = set()
        if lines:
            usage = _usage(connection, lines, kinds, now)
            ids, held_back = admit(ready, lines, kinds, usage, want=want, room=room)
        else:
            ids = [id for _, id in ready]
        claimed = _hold(connection, worker, ids)
        _note_starts(connection, lines, claimed, now)
        times = _next_starts(connection, lines, kinds, held_back)
        return Claim.of(claimed, lines, room, times)

    def _lines(self, connection: sqlite3.Connection, room: int, wanted: _Wanted) -> list[Line]:
        lines: list[Line] = []
        begin, end = self._after, None
        place, self._after = begin, _FIRST
        for _ in range(_LINES):
            found: Gateway | None = connection.execute(sql.NEXT_LINE, place).fetchone()
            if found is None and end is None and begin != _FIRST:
                place, end = _FIRST, begin  # round the corner, as far as where it began
                continue
            if found is None or (end is not None and found > end):
                return lines
            place = found
            if wanted.has(*found[:2]):
                rows = connection.execute(sql.IN_LINE, (*found, reach(found[2], room))).fetchall()
                limit, rate, fair = rows[0][2:]
                jobs = [row[:2] for row in rows]
                lines.append(Line(found[1], limit, rate, fair, jobs))
        self._after = place
        return lines


class _Wanted:
    def __init__(
        self, kinds: Collection[str], queues: Collection[str] | None, closed: Collection[str]
    ) -> None:
        self._kinds, self._queues, self._closed = kinds, queues, closed

    def has(self, queue: str, kind: str) -> bool:
        of_mine = self._queues is None or queue in self._queues
        return kind in self._kinds and of_mine and queue not in self._closed


def _ready(connection: sqlite3.Connection, want: int, wanted: _Wanted) -> list[Place]:
    # Hop from one (queue, kind) to the next along the index: jobs that this worker doesn't want,
    # however many, cost one hop per kind.
    ready: list[Place] = []
    pair = ("", "")
    while (pair := connection.execute(sql.NEXT_PAIR, pair).fetchone()) is not None:
        if wanted.has(*pair):
            priorities, ids = connection.execute(sql.READY, (*pair, want)).fetchone()
            ready += zip(json.loads(priorities), json.loads(ids), strict=True)
    ready.sort(key=lambda place: (-place[0], place[1]))
    return ready[:want]


def _usage(
    connection: sqlite3.Connection, lines: list[Line], kinds: Mapping[str, Gate], now: float
) -> Usage:
    usage = Usage()
    for limit, fair, count in connection.execute(sql.AT_WORK):
        usage.note(limit, fair, count)
    for line in lines:
        if line.rate_key is not None and line.rate_key not in usage.started:
            since = now - kinds[line.kind].seconds
            old = "DELETE FROM mizzen_job_start WHERE rate_key = ? AND at <= ?"
            connection.execute(old, (line.rate_key, since))
            query = "SELECT count(*) FROM mizzen_job_start WHERE rate_key = ?"
            usage.started[line.rate_key] = connection.execute(query, (line.rate_key,)).fetchone()[0]
    return usage


def _hold(connection: sqlite3.Connection, worker: int, ids: list[int]) -> list[Claimed]:
    if not ids:
        return []
    values = (worker, secrets.randbits(62), json.dumps(ids))
    rows = connection.execute(sql.CLAIM, values).fetchall()
    by_id = {row[0]: Claimed(*row[:-1]) for row in rows}
    unique = [row[0] for row in rows if row[-1]]
    if unique:
        connection.execute(sql.FORGET_UNIQUE, (json.dumps(unique),))
    return [by_id[id] for id in ids]


def _note_starts(
    connection: sqlite3.Connection, lines: list[Line], claimed: list[Claimed], now: float
) -> None:
    rates = {id: line.rate_key for line in lines if line.rate_key for _, id in line.jobs}
    starts = [(rates[job.id], now) for job in claimed if job.id in rates]
    connection.executemany("INSERT INTO mizzen_job_start (rate_key, at) VALUES (?, ?)", starts)


def _next_starts(
    connection: sqlite3.Connection,
    lines: list[Line],
    kinds: Mapping[str, Gate],
    held_back: set[str],
) -> list[float]:
    earliest = "SELECT min(at) FROM mizzen_job_start WHERE rate_key = ?"
    return [
        connection.execute(earliest, (line.rate_key,)).fetchone()[0] + kinds[line.kind].seconds
        for line in lines
        if line.rate_key in held_back
    ]
