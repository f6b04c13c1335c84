"""The rarer operations on the MariaDB tables: cancelling, rescue, history and its pruning."""

# ruff: noqa: S608  (the statements are put together from numbers, and from what stands here)

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from ..abc import WorkerInfo
from ._mariadb_flows_sql import ENDED, NEEDED
from ._mariadb_schema import HISTORY, REVIVE
from ._rescue import WORKER_DIED, crash_pause

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from ._mariadb_pool import Connection

_PRUNED_AT_ONCE = 5000

_END = f"""
{HISTORY}
SELECT id, %(status)s, queue, kind, priority, args, attempt, max_attempts, created_at, NULL,
       %(now)s, NULL, COALESCE(%(error)s, error), unique_key,
       IF(%(status)s = 'cancelled', NULL, unique_until), unique_until_start, limit_key, rate_key,
       fair_key, progress, meta
FROM mizzen_job WHERE id IN ({{ids}});
DELETE FROM mizzen_job WHERE id IN ({{ids}});
{ENDED}
"""

_FREE = """
UPDATE mizzen_job SET state = 0, attempt = attempt - charged, charged = 0, worker = NULL,
                      token = NULL
WHERE state = 2 AND worker = %(worker)s
"""

_ORPHANS = """
SELECT id, attempt, max_attempts, charged FROM mizzen_job AS job
WHERE state = 2 AND NOT EXISTS (SELECT 1 FROM mizzen_job_worker WHERE id = job.worker)
"""

_SUSPECT = "worker = NULL, token = NULL, suspect = true, charged = 0"


async def disown(connection: Connection, worker: int, held: Collection[int]) -> int:
    """Queue again, uncharged, what *worker* holds beyond *held*."""
    beyond = f" AND id NOT IN ({listed(held)})" if held else ""
    (freed,) = await connection.run(_FREE + beyond, {"worker": worker})
    return int(freed)


async def rescue(
    connection: Connection, now: float, lease: float, alive: Callable[[WorkerInfo], bool]
) -> int:
    """Take the jobs of lost workers back; see Store.rescue."""
    rows = await connection.rows("SELECT id, host, pid, born, beat_at FROM mizzen_job_worker")
    beats = {WorkerInfo(*who): beat for *who, beat in rows}
    dead = await asyncio.to_thread(lambda: {who for who in beats if not alive(who)})
    for who, beat in beats.items():
        if beat + lease < now or who in dead:
            # Unless it has shown up again in the meantime.
            gone = "DELETE FROM mizzen_job_worker WHERE id = %s AND beat_at = %s"
            await connection.run(gone, (who.id, beat))
    await connection.run("START TRANSACTION")
    count = 0
    if orphans := await connection.rows(_ORPHANS):
        # Looked at without a lock first: a locking one waits for jobs that are at work.
        chosen = listed(row[0] for row in orphans)
        lost = await connection.rows(f"{_ORPHANS} AND id IN ({chosen}) FOR UPDATE SKIP LOCKED")
        count = len(lost)
        await _free(connection, lost, now)
    query = "SELECT c.id FROM mizzen_job_cancel AS c JOIN mizzen_job USING (id) WHERE state < 2"
    if ids := [id for (id,) in await connection.rows(query)]:
        locked = f"SELECT id FROM mizzen_job WHERE state < 2 AND id IN ({listed(ids)}) FOR UPDATE"
        await end(connection, [id for (id,) in await connection.rows(locked)], "cancelled", now)
    ended = "DELETE FROM mizzen_job_cancel WHERE id NOT IN (SELECT id FROM mizzen_job)"
    await connection.run(f"{ended}; COMMIT")
    return count


async def _free(
    connection: Connection, lost: Iterable[tuple[int, int, int, int]], now: float
) -> None:
    spent, uncharged = list[int](), list[int]()
    pauses: dict[float, list[int]] = {}
    for id, attempt, most, charged in lost:
        if not charged:
            uncharged.append(id)
        elif attempt >= most:
            spent.append(id)
        else:
            pauses.setdefault(crash_pause(attempt), []).append(id)
    await end(connection, spent, "dead", now, WORKER_DIED)
    if uncharged:
        await connection.run(
            f"UPDATE mizzen_job SET state = 0, {_SUSPECT} WHERE id IN ({listed(uncharged)})"
        )
    for pause, ids in pauses.items():
        await connection.run(
            f"UPDATE mizzen_job SET state = 1, run_at = {now + pause!r}, {_SUSPECT} "
            f"WHERE id IN ({listed(ids)})"
        )


async def end(
    connection: Connection, ids: Collection[int], status: str, now: float, error: str | None = None
) -> None:
    """Move jobs that are locked already to history."""
    if ids:
        statements = _END.replace("{ids}", listed(ids))
        await connection.run(statements, {"status": status, "now": now, "error": error})


async def cancel(connection: Connection, ids: Collection[int], now: float) -> dict[int, int]:
    """End jobs that don't run, or note that they are to be; the states that they were in."""
    chosen = listed(ids)
    _, rows = await connection.run(
        "START TRANSACTION; "
        f"SELECT id, state FROM mizzen_job WHERE id IN ({chosen}) ORDER BY id FOR UPDATE"
    )
    states: dict[int, int] = dict(rows)
    await end(connection, [id for id, state in states.items() if state < 2], "cancelled", now)
    if running := [id for id, state in states.items() if state == 2]:
        given = ",".join(f"({id})" for id in running)
        note = f"INSERT INTO mizzen_job_cancel (id) VALUES {given} ON DUPLICATE KEY UPDATE id = id"
        await connection.run(note)
    await connection.run("COMMIT")
    return states


async def back_from_history(connection: Connection, ids: Collection[int]) -> set[int]:
    """Move dead and cancelled jobs back to the ready ones; which."""
    if not ids:
        return set()
    there = await connection.rows(REVIVE.replace("{ids}", listed(ids)))
    # Where another one with the same unique key has come, its id is given instead.
    if revived := {id for (id,) in there} & set(ids):
        back = listed(revived)
        await connection.run(
            f"DELETE FROM mizzen_job_done WHERE id IN ({back}); "
            f"DELETE FROM mizzen_job_cancel WHERE id IN ({back})"
        )
    return revived


async def delete(connection: Connection, ids: Collection[int]) -> int:
    """Forget jobs that have ended, and what they kept; how many."""
    if not ids:
        return 0
    chosen = listed(ids)
    *_, deleted, _ = await connection.run(
        f"START TRANSACTION; DELETE FROM mizzen_job_memo WHERE job IN ({chosen}); "
        f"DELETE FROM mizzen_job_edge WHERE child IN ({chosen}); "
        f"DELETE FROM mizzen_job_node WHERE job IN ({chosen}); "
        f"DELETE FROM mizzen_job_done WHERE id IN ({chosen}); COMMIT"
    )
    return int(deleted)


async def prune(connection: Connection, before: float, keep: int, now: float) -> int:
    """Drop old history, a bounded number at a time; see Store.prune."""
    # Chosen without a lock, so that nobody who writes history waits.
    spare = f"(unique_until IS NULL OR unique_until < %s) AND NOT {NEEDED}"
    query = f"SELECT id FROM mizzen_job_done WHERE finished_at < %s AND {spare} LIMIT %s"
    rows = await connection.rows(query, (before, now, _PRUNED_AT_ONCE))
    # Ids grow with time: the newest are the latest.
    edge = await connection.rows(
        "SELECT id FROM mizzen_job_done WHERE status <> 'dead' ORDER BY id DESC LIMIT 1 OFFSET %s",
        (keep,),
    )
    if edge:
        query = (
            f"SELECT id FROM mizzen_job_done WHERE id <= %s AND status <> 'dead' AND {spare} "
            "LIMIT %s"
        )
        rows += await connection.rows(query, (edge[0][0], now, _PRUNED_AT_ONCE))
    return await delete(connection, {id for (id,) in rows})


def listed(ids: Iterable[int]) -> str:
    """*ids* for a list in parentheses, which matches nothing when there are none."""
    return ",".join(str(id) for id in ids) or "NULL"
