"""What was asked for, as an immutable record: `Gist.search.read('loop OR task lang:python')`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


class Bound(NamedTuple):
    """One end of a range."""

    value: object
    included: bool


@dataclass(frozen=True)
class SearchTerm:
    """Words that follow one another; the last may be a beginning (`prefix`).

    `field` is the only text field to look in, or None for all.
    """

    words: tuple[str, ...]
    prefix: bool = False
    field: str | None = None


@dataclass(frozen=True)
class SearchFilter:
    """A condition on a column: `is` a value, `begins` with one, or lies in the `range` low to high.

    Values have the column's own type. Of a range one end may be open (None).
    """

    name: str
    operator: str
    value: object = None
    low: Bound | None = None
    high: Bound | None = None


SearchClause = tuple[SearchTerm | SearchFilter, ...]


@dataclass(frozen=True)
class SearchQuery:
    """A search: every clause must be met, by one of its alternatives; what is excluded must not.

    A query without clauses and exclusions finds nothing.
    """

    text: str
    clauses: tuple[SearchClause, ...] = ()
    excluded: SearchClause = ()

    def __bool__(self) -> bool:
        return bool(self.clauses or self.excluded)

    @property
    def wanted(self) -> tuple[SearchTerm, ...]:
        """Every term that a hit may contain, for highlights."""
        parts = (part for clause in self.clauses for part in clause)
        return tuple(part for part in parts if isinstance(part, SearchTerm))
