"""The statement that lists jobs, for either database."""

# ruff: noqa: S608  (what the statements are put together from stands in this file)

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from .._monitored import Filter
    from ..abc import Status

STATES: tuple[Status, ...] = ("queued", "scheduled", "running")

_NEVER, _NOTHING = "CAST(NULL AS double precision)", "CAST(NULL AS text)"
_WAITING = (
    "id, CASE state WHEN 0 THEN 'queued' WHEN 1 THEN 'scheduled' ELSE 'running' END AS status, "
    "kind, queue, priority, {args}, attempt, max_attempts, created_at, run_at, "
    f"{_NEVER} AS started_at, {_NEVER} AS finished_at, {_NOTHING} AS result, {{error}}, "
    "progress, {meta}"
)
_ENDED = (
    "id, status, kind, queue, priority, {args}, attempt, max_attempts, created_at, "
    f"{_NEVER} AS run_at, started_at, finished_at, {{result}}, {{error}}, progress, {{meta}}"
)
_ALL = {"args": "args", "result": "result", "error": "error", "meta": "meta"}
# Arguments may be megabytes each, and a page shows none of them.
_BRIEF = {
    "args": "'{}' AS args",
    "result": f"{_NOTHING} AS result",
    "error": "substr(error, 1, 300) AS error",
    "meta": f"{_NOTHING} AS meta",
}


def listing(
    which: Filter, *, after: bool, brief: bool, parameter: Callable[[str], str]
) -> tuple[str, dict[str, object]]:
    """Return the statement, and the values for its parameters except `limit` and `before`."""
    shared = [
        f"{name} = {parameter(name)}"
        for name in ("queue", "kind")
        if getattr(which, name) is not None
    ]
    if after:
        shared.append(f"id < {parameter('before')}")
    columns = _BRIEF if brief else _ALL
    parts: list[str] = []
    if which.status is None or which.status in STATES:
        state = [] if which.status is None else [f"state = {STATES.index(which.status)}"]
        parts.append(_newest("mizzen_job", _WAITING.format(**columns), state + shared, parameter))
    if which.status is None or which.status not in STATES:
        if which.status is None:
            status = []
        elif which.status == "done":  # most are: going by id finds them soon, and needs no sorting
            status = ["status <> 'dead'", "status <> 'cancelled'"]
        else:
            status = [f"status = {parameter('status')}", "status <> 'done'"]  # as the index says
        columns_of = _ENDED.format(**columns)
        parts.append(_newest("mizzen_job_done", columns_of, status + shared, parameter))
    text = f"{' UNION ALL '.join(parts)} ORDER BY id DESC LIMIT {parameter('limit')}"
    return text, {"status": which.status, "queue": which.queue, "kind": which.kind}


def _newest(
    table: str, columns: str, conditions: list[str], parameter: Callable[[str], str]
) -> str:
    where = f"WHERE {' AND '.join(conditions)} " if conditions else ""
    newest = f"SELECT {columns} FROM {table} {where}ORDER BY id DESC LIMIT {parameter('limit')}"
    return f"SELECT * FROM ({newest}) AS newest_{table}"
