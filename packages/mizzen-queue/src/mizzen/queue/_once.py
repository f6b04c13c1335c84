"""Unique jobs that come twice in one insert: the database sees each of them once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .abc import Inserted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .abc import NewJob


def without_repeats(jobs: Sequence[NewJob]) -> Sequence[NewJob]:
    """Return *jobs*, of those with one unique key only the first."""
    if all(job.unique_key is None for job in jobs):
        return jobs
    seen: set[str] = set()
    once: list[NewJob] = []
    for job in jobs:
        if job.unique_key is None or job.unique_key not in seen:
            once.append(job)
        if job.unique_key is not None:
            seen.add(job.unique_key)
    return once


def for_all(jobs: Sequence[NewJob], once: Sequence[NewJob], inserted: Inserted) -> Inserted:
    """Return the ids of all *jobs*, when only *once* of them were inserted."""
    by_key = {job.unique_key: id for job, id in zip(once, inserted.ids, strict=True)}
    plain = iter([i for job, i in zip(once, inserted.ids, strict=True) if job.unique_key is None])
    ids = [next(plain) if job.unique_key is None else by_key[job.unique_key] for job in jobs]
    return Inserted(ids, inserted.found)
