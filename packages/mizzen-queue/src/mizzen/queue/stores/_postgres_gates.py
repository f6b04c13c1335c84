"""Claiming in PostgreSQL when some jobs stand at gates: one worker at a time decides."""

from __future__ import annotations

import secrets
from itertools import groupby
from typing import TYPE_CHECKING, Any

from ..abc import Claimed
from . import _postgres_gates_sql as sql
from ._admission import SEPARATOR, Claim, Line, Usage, admit, reach

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    import psycopg

    from ..abc import Gate

_LOCK = 0x6D7A67617465  # "mzgate": what the keys have used up is counted by one at a time
_LINES = 300  # that one claim looks at; with more of them, the next one goes on
_FIRST = ("", "", "")


class Claims:
    """Claims for one store; remembers where it was among very many gated lines."""

    def __init__(self) -> None:
        self._after: tuple[str, str, str] = _FIRST

    async def claim(
        self,
        connection: psycopg.AsyncConnection[Any],
        worker: int,
        want: int,
        kinds: Mapping[str, Gate],
        queues: Collection[str] | None,
        room: int,
        now: float,
    ) -> Claim:
        """Hold up to *want* jobs for *worker*."""
        wanted = {"kinds": list(kinds), "queues": None if queues is None else list(queues)}
        async with connection.transaction():
            await connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
            known = "SELECT 1 FROM mizzen_job_worker WHERE id = %s"
            if not await _rows(connection, known, (worker,)):
                return Claim([])
            ready = await _rows(connection, sql.OPEN_JOBS, {**wanted, "want": want})
            lines = await self._lines(
                connection, {**wanted, "room": room, "ahead": reach(SEPARATOR * 2, room)}
            )
            rates = {line.rate_key: now - kinds[line.kind].seconds for line in lines}
            rates.pop(None, None)
            usage = await _usage(connection, rates)
            ids, held_back = admit(ready, lines, kinds, usage, want=want, room=room)
            values = {"ids": ids, "worker": worker, "token": secrets.randbits(62)}
            held = {row[0]: Claimed(*row) for row in await _rows(connection, sql.HOLD, values)}
            if rates:
                await _note_starts(connection, lines, held, rates, now)
            times = [
                at + kinds[line.kind].seconds
                for key, at in await _rows(connection, sql.NEXT_START, (list(held_back),))
                for line in lines
                if line.rate_key == key
            ]
        jobs = [held[id] for id in ids if id in held]
        return Claim.of(jobs, lines, room, times)

    async def _lines(
        self, connection: psycopg.AsyncConnection[Any], wanted: dict[str, Any]
    ) -> list[Line]:
        queue, kind, gate = self._after
        place = {"queue": queue, "kind": kind, "gate": gate, "lines": _LINES}
        rows = await _rows(connection, sql.LINES, {**wanted, **place})
        lines: list[Line] = []
        seen = 0
        for where, waiting in groupby(rows, key=lambda row: row[:3]):
            seen += 1
            self._after = where
            jobs = [row[3:] for row in waiting if row[4] is not None]
            if jobs:
                limit, rate, fair = jobs[0][2:]
                lines.append(Line(where[1], limit, rate, fair, [job[:2] for job in jobs]))
        if seen < _LINES:
            begun, self._after = (queue, kind, gate), _FIRST
            if begun != _FIRST:
                return lines or await self._lines(connection, wanted)
        return lines


async def _rows(connection: psycopg.AsyncConnection[Any], statement: str, values: Any) -> list[Any]:
    return await (await connection.execute(statement.encode(), values)).fetchall()


async def _usage(connection: psycopg.AsyncConnection[Any], rates: dict[Any, float]) -> Usage:
    usage = Usage()
    values = {"rates": list(rates), "sinces": list(rates.values())}
    for limit, fair, rate, count in await _rows(connection, sql.USAGE, values):
        usage.note(limit, fair, count)
        if rate is not None:
            usage.started[rate] = count
    return usage


async def _note_starts(
    connection: psycopg.AsyncConnection[Any],
    lines: list[Line],
    held: Collection[int],
    rates: dict[Any, float],
    now: float,
) -> None:
    by_id = {id: line.rate_key for line in lines if line.rate_key for _, id in line.jobs}
    values = {
        "rates": list(rates),
        "sinces": list(rates.values()),
        "started": [by_id[id] for id in held if id in by_id],
        "now": now,
    }
    await connection.execute(sql.NOTE_STARTS.encode(), values)
