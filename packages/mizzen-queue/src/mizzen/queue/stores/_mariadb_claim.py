"""Claiming in MariaDB: the first jobs of each line, locked; one worker at a time minds gates."""

# ruff: noqa: S608  (the statements are put together from numbers, and from what stands here)

from __future__ import annotations

import hashlib
import secrets
from typing import TYPE_CHECKING, Any

from ..abc import Claimed
from ._admission import SEPARATOR, Claim, Line, Usage, admit, reach
from ._mariadb_schema import FAIR, LIMITED, OPEN

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from ..abc import Gate
    from ._mariadb_pool import Connection

_LINES = 300  # gated ones that one claim looks at; with more of them, the next one goes on
END = "4"
_SEPARATOR = "CHAR(31 USING utf8mb4)"

# Hops along the index from line to line: jobs that this worker doesn't want cost one hop per line.
# The variable counts as a constant in each look-up, which a recursive query's column doesn't.
_HOP = f"""
BEGIN NOT ATOMIC
    DECLARE here VARCHAR(560) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin DEFAULT %(after)s;
    DECLARE place VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;
    DECLARE most, seen INT DEFAULT 0;
    IF EXISTS (SELECT 1 FROM mizzen_job_worker WHERE id = %(worker)s) THEN
        hop: LOOP
            SELECT MIN(line) INTO here FROM mizzen_job WHERE state = 0 AND line > here;
            IF here IS NULL OR here >= %(end)s THEN
                LEAVE hop;
            END IF;
            SET place = SUBSTRING_INDEX(SUBSTRING_INDEX(here, {_SEPARATOR}, 2), {_SEPARATOR}, -1);
            IF SUBSTRING_INDEX(SUBSTRING(here, 2), {_SEPARATOR}, 1) IN %(kinds)s
               AND {{queues}} NOT EXISTS (SELECT 1 FROM mizzen_job_paused WHERE queue = place) THEN
                {{look}}
            END IF;
            SET seen = seen + 1;
            IF seen >= %(lines)s THEN
                LEAVE hop;
            END IF;
        END LOOP;
    END IF;
    SELECT here;
END;
"""

# The candidates for a claim: the open ones, locked, and the first of each gated line.
_OPEN = """
SELECT -turn, id FROM mizzen_job WHERE state = 0 AND line = here ORDER BY turn, id
LIMIT %(want)s FOR UPDATE SKIP LOCKED;
"""
_GATED = f"""
SET most = IF(here < '{LIMITED}', %(ahead)s, %(room)s);
SELECT -turn, id, kind, limit_key, rate_key, fair_key FROM mizzen_job
WHERE state = 0 AND line = here ORDER BY turn, id LIMIT most;
"""

_HOLD = """
UPDATE mizzen_job SET state = 2, worker = %(worker)s, token = %(token)s,
    unique_key = IF(unique_until_start, NULL, unique_key)
WHERE state = 0 AND id IN ({ids});
SELECT id, token, kind, queue, priority, args, attempt, max_attempts, created_at, suspect, meta
FROM mizzen_job WHERE id IN ({ids}) AND token = %(token)s;
"""

_AT_WORK = f"""
SELECT limit_key, fair_key, COUNT(*) FROM mizzen_job WHERE state = 2 AND line >= '{FAIR}'
GROUP BY limit_key, fair_key;
"""


class Claims:
    """Claims for one store; remembers where it was among very many gated lines."""

    def __init__(self) -> None:
        self._after = FAIR

    async def claim(
        self,
        connection: Connection,
        worker: int,
        want: int,
        kinds: Mapping[str, Gate],
        queues: Collection[str] | None,
        room: int,
        now: float,
        begin: str,
    ) -> Claim:
        """Hold up to *want* jobs for *worker*, in the transaction that *begin* may begin."""
        wanted: dict[str, Any] = {"worker": worker, "kinds": tuple(kinds), "want": want}
        if queues is not None:
            wanted["queues"] = tuple(queues) or ("",)
        found = await _hop(connection, begin, _OPEN, OPEN, {**wanted, "lines": 10**6, "end": FAIR})
        ready = sorted(
            ((place[0], place[1]) for rows in found[:-1] for place in rows),
            key=lambda place: (-place[0], place[1]),
        )
        ((here,),) = found[-1]
        if here is None or here < FAIR:
            jobs = await _hold(connection, worker, [id for _, id in ready[:want]])
            return Claim(jobs)
        await connection.run("SELECT id FROM mizzen_job_gate WHERE id = 1 FOR UPDATE")
        lines = await self._lines(connection, {**wanted, "room": max(1, room)}, room)
        usage = await _usage(connection, lines, kinds, now)
        ids, held_back = admit(ready, lines, kinds, usage, want=want, room=room)
        jobs = await _hold(connection, worker, ids)
        times = await _note_starts(connection, lines, jobs, kinds, held_back, now)
        return Claim.of(jobs, lines, room, times)

    async def _lines(self, connection: Connection, wanted: dict[str, Any], room: int) -> list[Line]:
        values = {**wanted, "ahead": reach(SEPARATOR * 2, room), "lines": _LINES, "end": END}
        begun = self._after
        *found, ((here,),) = await _hop(connection, "", _GATED, begun, values)
        self._after = FAIR if here is None else here
        lines: list[Line] = []
        for rows in filter(None, found):
            kind, limit, rate, fair = rows[0][2:]
            lines.append(Line(kind, limit, rate, fair, [row[:2] for row in rows]))
        if here is None and begun != FAIR and not lines:
            return await self._lines(connection, wanted, room)
        return lines


async def _hop(
    connection: Connection, begin: str, look: str, after: str, values: dict[str, Any]
) -> list[Any]:
    queues = "place IN %(queues)s AND" if "queues" in values else ""
    statement = begin + _HOP.replace("{queues}", queues).replace("{look}", look)
    results = await connection.run(statement, {**values, "after": after})
    return [rows for rows in results if not isinstance(rows, int)]


async def _hold(connection: Connection, worker: int, ids: Sequence[int]) -> list[Claimed]:
    if not ids:
        return []
    statements = _HOLD.replace("{ids}", ",".join(map(str, ids)))
    values = {"worker": worker, "token": secrets.randbits(62)}
    _, rows = await connection.run(statements, values)
    held = {row[0]: Claimed(*row) for row in rows}
    for job in held.values():
        job.suspect = bool(job.suspect)
    return [held[id] for id in ids if id in held]


async def _usage(
    connection: Connection, lines: Sequence[Line], kinds: Mapping[str, Gate], now: float
) -> Usage:
    usage = Usage()
    keys = {_hash(line.rate_key): line.rate_key for line in lines if line.rate_key is not None}
    since = _since(lines, kinds, now)
    statements = _AT_WORK
    if since:
        old = " OR ".join(f"(rate = '{rate}' AND at <= {at!r})" for rate, at in since.items())
        statements += f"DELETE FROM mizzen_job_start WHERE {old};"
        statements += (
            "SELECT rate, COUNT(*) FROM mizzen_job_start "
            f"WHERE rate IN ({_listed(since)}) GROUP BY rate;"
        )
    at_work, *started = await connection.run(statements)
    for limit, fair, count in at_work:
        usage.note(limit, fair, count)
    if since:
        usage.started = {keys[rate]: count for rate, count in started[1]}
    return usage


async def _note_starts(
    connection: Connection,
    lines: Sequence[Line],
    jobs: Sequence[Claimed],
    kinds: Mapping[str, Gate],
    held_back: Collection[str],
    now: float,
) -> list[float]:
    """Remember the starts under each rate; when those that were held back may go on."""
    rates = {id: _hash(line.rate_key) for line in lines if line.rate_key for _, id in line.jobs}
    if started := [rates[job.id] for job in jobs if job.id in rates]:
        rows = ",".join(f"('{rate}', {now!r})" for rate in started)
        await connection.run(f"INSERT INTO mizzen_job_start (rate, at) VALUES {rows}")
    if not held_back:
        return []
    waiting = {_hash(key): key for key in held_back}
    first = dict(
        await connection.rows(
            "SELECT rate, MIN(at) FROM mizzen_job_start "
            f"WHERE rate IN ({_listed(waiting)}) GROUP BY rate"
        )
    )
    earliest = {waiting[rate]: at for rate, at in first.items()}
    return [
        earliest[line.rate_key] + kinds[line.kind].seconds
        for line in lines
        if line.rate_key in earliest
    ]


def _since(lines: Iterable[Line], kinds: Mapping[str, Gate], now: float) -> dict[str, float]:
    return {
        _hash(line.rate_key): now - kinds[line.kind].seconds
        for line in lines
        if line.rate_key is not None
    }


def _hash(key: str) -> str:
    return hashlib.sha1(key.encode(), usedforsecurity=False).hexdigest()


def _listed(rates: Iterable[str]) -> str:
    return ",".join(f"'{rate}'" for rate in rates)
