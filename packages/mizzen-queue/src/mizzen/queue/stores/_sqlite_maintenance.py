"""The rarer operations on the SQLite tables: rescue, history and its pruning."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from ..abc import WorkerInfo
from . import _sqlite_flows as flows
from . import _sqlite_schema as sql
from ._rescue import WORKER_DIED, crash_pause
from ._sqlite_memos import forget

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

    from ..abc import Outcome

_UNTOUCHED = dict.fromkeys(("attempt", "started_at", "result"))
_PRUNED_AT_ONCE = 2000
PRUNED_TOGETHER = 200  # keeps one transaction, and so the lane, short


def end(
    connection: sqlite3.Connection,
    status: Outcome,
    condition: str,
    now: float,
    error: str | None = None,
    **values: object,
) -> int:
    """Move the jobs that meet *condition* to history; how many."""
    ended: dict[str, object] = {"status": status, "finished_at": now, "error": error}
    keep = sql.KEEP.format(condition=condition)
    connection.execute(keep, {**_UNTOUCHED, **ended, **values})
    return connection.execute(f"DELETE FROM mizzen_job WHERE {condition}", values).rowcount  # noqa: S608


def disown(connection: sqlite3.Connection, worker: int, held: str) -> int:
    """Queue again, uncharged, what *worker* holds beyond the JSON list *held*."""
    return connection.execute(
        "UPDATE mizzen_job SET state = 0, attempt = attempt - charged, charged = 0, "
        "worker = NULL, token = NULL WHERE state = 2 AND worker = ? "
        "AND id NOT IN (SELECT value FROM json_each(?))",
        (worker, held),
    ).rowcount


def rescue(
    connection: sqlite3.Connection, now: float, lease: float, alive: Callable[[WorkerInfo], bool]
) -> int:
    """Take the jobs of lost workers back; see Store.rescue."""
    rows = connection.execute(
        "SELECT id, host, pid, born, beat_at FROM mizzen_job_worker"
    ).fetchall()
    for *who, beat in rows:
        if beat + lease < now or not alive(WorkerInfo(*who)):
            connection.execute("DELETE FROM mizzen_job_worker WHERE id = ?", (who[0],))
    orphaned = "state = 2 AND worker NOT IN (SELECT id FROM mizzen_job_worker)"
    uncharged = connection.execute(
        "UPDATE mizzen_job SET state = 0, suspect = 1, worker = NULL, token = NULL "  # noqa: S608
        f"WHERE {orphaned} AND charged = 0"
    ).rowcount
    spent = f"{orphaned} AND attempt >= max_attempts"
    dead = end(connection, "dead", spent, now, WORKER_DIED)
    charged = connection.execute(
        f"SELECT id, attempt FROM mizzen_job WHERE {orphaned}"  # noqa: S608
    ).fetchall()
    connection.executemany(
        "UPDATE mizzen_job SET state = 1, suspect = 1, charged = 0, run_at = ?, worker = NULL, "
        "token = NULL WHERE id = ?",
        [(now + crash_pause(attempt), id) for id, attempt in charged],
    )
    # Those that were to be cancelled, and whose attempt ended in another way.
    end(connection, "cancelled", "cancelling = 1 AND state < 2", now)
    return uncharged + dead + len(charged)


def revive(connection: sqlite3.Connection, id: int) -> bool:
    """Move a dead or cancelled job from history back, and those that its end cancelled."""
    revived = _revive(connection, id)
    if revived:
        flows.revived(connection, id, _revive)
    return revived


def _revive(connection: sqlite3.Connection, id: int) -> bool:
    revived = connection.execute(sql.REVIVE, (id,)).rowcount
    if revived:
        connection.execute("DELETE FROM mizzen_job_done WHERE id = ?", (id,))
    return bool(revived)


def prunable(connection: sqlite3.Connection, before: float, keep: int, now: float) -> list[int]:
    """What is to be dropped of old history, a bounded number at a time; see Store.prune."""
    found: list[tuple[int]] = []
    kinds = connection.execute("SELECT DISTINCT status, kind, queue FROM mizzen_job_done")
    for pair in kinds.fetchall():
        found += connection.execute(
            "SELECT id FROM mizzen_job_done WHERE status = ? AND kind = ? AND queue = ? "  # noqa: S608
            "AND finished_at < ? AND (unique_until IS NULL OR unique_until < ?) "
            f"AND NOT {flows.NEEDED} LIMIT ?",
            (*pair, before, now, _PRUNED_AT_ONCE),
        ).fetchall()
    # Ids grow with time, so the newest ids stand for the newest jobs.
    edge = connection.execute(
        "SELECT id FROM mizzen_job_done WHERE status <> 'dead' ORDER BY id DESC LIMIT 1 OFFSET ?",
        (keep,),
    ).fetchone()
    if edge:
        found += connection.execute(
            "SELECT id FROM mizzen_job_done WHERE id <= ? AND status <> 'dead' "  # noqa: S608
            f"AND (unique_until IS NULL OR unique_until < ?) AND NOT {flows.NEEDED} LIMIT ?",
            (edge[0], now, _PRUNED_AT_ONCE),
        ).fetchall()
    return sorted({id for (id,) in found})


def prune(connection: sqlite3.Connection, ids: list[int], now: float) -> int:
    """Drop those of the jobs that have not come back from history since *now*."""
    gone = connection.execute(
        "DELETE FROM mizzen_job_done WHERE id IN (SELECT value FROM json_each(?)) "  # noqa: S608
        f"AND finished_at <= ? AND NOT {flows.NEEDED} RETURNING id",
        (json.dumps(ids), now),
    ).fetchall()
    forget(connection, [id for (id,) in gone])
    flows.forget(connection, [id for (id,) in gone])
    return len(gone)
