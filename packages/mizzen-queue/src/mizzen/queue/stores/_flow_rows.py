"""Workflows as rows, for either database: what an insert writes, and what the answers mean."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any

import msgspec

from .._flows import FlowJob

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .._flows import Link


def node_rows(ids: Sequence[int]) -> str:
    """The JSON of (workflow, number, job)."""
    return msgspec.json.encode([(ids[0], number, id) for number, id in enumerate(ids)]).decode()


def edge_rows(ids: Sequence[int], links: Sequence[Link]) -> str:
    """The JSON of (child, parent, the parent's number, anyway)."""
    rows = [(ids[link.child], ids[link.parent], link.parent, int(link.anyway)) for link in links]
    return msgspec.json.encode(rows).decode()


def because(parent: int, kind: str | None, outcome: str) -> str:
    """The error of a job that is cancelled as its *parent* was."""
    return f"Cancelled: job {parent} ({kind or 'unknown'}), which it waited for, is {outcome}"


def flow_jobs(rows: Sequence[Any]) -> list[FlowJob]:
    """The jobs in *rows*: their fields, and one row for each number that they come after."""
    jobs: list[FlowJob] = []
    for fields, group in groupby(rows, key=lambda row: row[:-1]):
        after = [row[-1] for row in group if row[-1] is not None]
        number, id, kind, status, attempt, error, meta = fields
        jobs.append(FlowJob(number, id, kind, status, attempt, error, meta, after))
    return jobs
