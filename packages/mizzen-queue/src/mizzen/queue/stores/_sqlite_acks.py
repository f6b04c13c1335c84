"""How attempts ended: jobs move to history many at a time, or back into line."""

# ruff: noqa: S608  (what the statements are put together from stands in this file)

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING

from . import _sqlite_schema as sql

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from ..abc import Ack

# A statement for each job costs three times as much, and hands the GIL over as often. What is
# missing to one of these sizes is made up with empty acks, that match no job.
_SIZES = (1, 8, 32, 128)
_EMPTY = (None,) * 8


def apply(connection: sqlite3.Connection, acks: Sequence[Ack]) -> set[int]:
    """Move ended jobs to history; returns the ids that weren't held under their token any more."""
    ended: list[tuple[object, ...]] = []
    by_token: dict[int, list[int]] = {}
    refused: set[int] = set()
    for ack in acks:
        if ack.outcome == "retry":
            again = (ack.attempt, ack.run_at, ack.error, ack.id, ack.token)
            if not connection.execute(sql.AGAIN, again).rowcount:
                refused.add(ack.id)
        elif ack.outcome == "release":
            if not connection.execute(sql.RELEASE, (ack.id, ack.token)).rowcount:
                refused.add(ack.id)
        else:
            by_token.setdefault(ack.token, []).append(ack.id)
            ended.append(
                (
                    ack.id, ack.token, ack.outcome, ack.attempt,
                    ack.started_at, ack.finished_at, ack.result, ack.error,
                )
            )  # fmt: skip
    all_held = _keep(connection, ended) == len(ended)
    for token, ids in by_token.items():
        values = (json.dumps(ids), token)
        if all_held:
            connection.execute(_DELETE, values)
        else:
            gone = connection.execute(f"{_DELETE} RETURNING id", values)
            refused.update(set(ids) - {id for (id,) in gone.fetchall()})
    return refused


def _keep(connection: sqlite3.Connection, ended: list[tuple[object, ...]]) -> int:
    kept = begin = 0
    while begin < len(ended):
        left = len(ended) - begin
        size = next((size for size in _SIZES if size >= left), _SIZES[-1])
        values: list[object] = []
        for ack in ended[begin : begin + size]:
            values += ack
        values += _EMPTY * (size - left)
        kept += connection.execute(_keep_many(size), values).rowcount
        begin += size
    return kept


@cache
def _keep_many(size: int) -> str:
    values = ", ".join(["(?, ?, ?, ?, ?, ?, ?, ?)"] * size)
    return f"""
INSERT INTO mizzen_job_done ({sql.HISTORY})
WITH ack (id, token, status, attempt, started_at, finished_at, result, error) AS (VALUES {values})
SELECT job.id, status, queue, kind, priority, args, ack.attempt, max_attempts, created_at,
       started_at, finished_at, result, coalesce(ack.error, job.error), unique_key,
       CASE status WHEN 'cancelled' THEN NULL ELSE unique_until END, unique_until_start,
       limit_key, rate_key, fair_key, progress, meta
FROM ack CROSS JOIN mizzen_job AS job WHERE job.id = ack.id AND job.token = ack.token
"""


_DELETE = "DELETE FROM mizzen_job WHERE id IN (SELECT value FROM json_each(?)) AND token = ?"
