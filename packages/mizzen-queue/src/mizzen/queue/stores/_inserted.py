"""Which id belongs to which job of an insert, when some of them were there already."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..abc import Inserted, KeyedJob

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from ..abc import NewJob


def has_keys(jobs: Iterable[NewJob]) -> bool:
    """Return whether any of *jobs* has."""
    return any(isinstance(job, KeyedJob) for job in jobs)


def unique_key(job: NewJob) -> str | None:
    """Return the key of which there is one only, if *job* has any."""
    return job.unique_key if isinstance(job, KeyedJob) else None


def in_order(
    jobs: Sequence[NewJob], rows: Sequence[Any], within: Callable[[], Sequence[Any]]
) -> Inserted:
    """Match the *rows* that an insert returned (id, unique key, repeats) with its *jobs*.

    *within* asks for the ended jobs (id, unique key) that count as the same for a while yet.
    """
    keys = [unique_key(job) for job in jobs]
    by_key = {row[1]: row[0] for row in rows if row[1] is not None}
    found = {row[0] for row in rows if row[2]}
    if any(key is not None and key not in by_key for key in keys):
        ended = {key: id for id, key in within()}
        found |= {id for key, id in ended.items() if key not in by_key}
        by_key = ended | by_key
    plain = iter(sorted(row[0] for row in rows if row[1] is None))
    ids = [next(plain) if key is None else by_key[key] for key in keys]
    return Inserted(ids, frozenset(found))
