"""Which id belongs to which job of an insert, when some of them were there already."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..abc import Inserted

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ..abc import NewJob


def in_order(
    jobs: Sequence[NewJob], rows: Sequence[Any], within: Callable[[], Sequence[Any]]
) -> Inserted:
    """Match the *rows* that an insert returned (id, unique key, repeats) with its *jobs*.

    *within* asks for the ended jobs (id, unique key) that count as the same for a while yet.
    """
    if len(rows) == len(jobs) and all(job.unique_key is None for job in jobs):
        return Inserted(sorted(row[0] for row in rows))
    by_key = {row[1]: row[0] for row in rows if row[1] is not None}
    found = {row[0] for row in rows if row[2]}
    if any(job.unique_key is not None and job.unique_key not in by_key for job in jobs):
        ended = {key: id for id, key in within()}
        found |= set(ended.values()) - set(by_key.values())
        by_key = ended | by_key
    plain = iter(sorted(row[0] for row in rows if row[1] is None))
    ids = [next(plain) if job.unique_key is None else by_key[job.unique_key] for job in jobs]
    return Inserted(ids, frozenset(found))
