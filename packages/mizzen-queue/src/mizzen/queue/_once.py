"""Unique jobs that come twice in one insert: the database sees each of them once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .abc import Inserted
from .stores._inserted import has_keys, unique_key

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .abc import NewJob


def without_repeats(jobs: Sequence[NewJob]) -> Sequence[NewJob]:
    """Return *jobs*, of those with one unique key only the first."""
    if not has_keys(jobs):
        return jobs
    seen: set[str] = set()
    once: list[NewJob] = []
    for job in jobs:
        key = unique_key(job)
        if key is None or key not in seen:
            once.append(job)
        if key is not None:
            seen.add(key)
    return once


def for_all(jobs: Sequence[NewJob], once: Sequence[NewJob], inserted: Inserted) -> Inserted:
    """Return the ids of all *jobs*, when only *once* of them were inserted."""
    pairs = [(unique_key(job), id) for job, id in zip(once, inserted.ids, strict=True)]
    by_key = dict(pairs)
    plain = iter([id for key, id in pairs if key is None])
    keys = [unique_key(job) for job in jobs]
    return Inserted([next(plain) if key is None else by_key[key] for key in keys], inserted.found)
