"""What one kind of database does for full-text search."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import ColumnElement, Connection, Select

    from .query import SearchTerm
    from .shape import SearchShape


@dataclass(frozen=True)
class SearchCheck:
    """How an index compares with its table: rows that it lacks, knows wrongly, or has too many.

    `orphaned` entries (left by `INSERT OR REPLACE` on SQLite) are never found; they cost space.
    """

    missing: int = 0
    stale: int = 0
    orphaned: int = 0

    @property
    def ok(self) -> bool:
        """Whether every search is answered rightly."""
        return not (self.missing or self.stale)


class SearchBackend(Protocol):
    """How one kind of database stores a full-text index and asks it.

    Statements are run as they are, without parameters: they hold no percent signs.
    """

    in_one_statement: bool
    """Whether a statement that asks the index may change the table as well."""

    def create(self, shape: SearchShape) -> list[str]:
        """Return the statements that build the index anew, fill it, and keep it in step."""
        ...

    def drop(self, shape: SearchShape) -> list[str]:
        """Return the statements that remove the index; only the shape's table is known."""
        ...

    def optimize(self, shape: SearchShape) -> list[str]:
        """Return the statements that make the index small and fast again."""
        ...

    def present(self, connection: Connection) -> dict[str, SearchShape]:
        """Return the indexes in the database, by table."""
        ...

    def repair(self, connection: Connection, before: dict[str, SearchShape]) -> None:
        """Put back what altering tables has taken from the indexes there were *before*."""
        ...

    def check(self, connection: Connection, shape: SearchShape) -> SearchCheck:
        """Compare the index with its table, in a transaction that may write."""
        ...

    def narrow(
        self,
        statement: Select[Any],
        key: Any,
        shape: SearchShape,
        clauses: Sequence[Sequence[SearchTerm]],
        excluded: Sequence[SearchTerm],
    ) -> tuple[Select[Any], ColumnElement[float]]:
        """Return *statement* with only matching rows, and their rank: the higher the better.

        Each of the *clauses* (one or more) is met by one of its terms.
        """
        ...

    def found(self, key: Any, shape: SearchShape, terms: Sequence[SearchTerm]) -> Any:
        """Return the condition that the row with *key* matches one of *terms* (one or more)."""
        ...

    def stems(
        self, connection: Connection, shape: SearchShape, words: Sequence[str]
    ) -> dict[str, str]:
        """Return what the index keeps of folded words; a word that is missing stays as it is."""
        ...
