"""What every peer offers: the same operations, in the way its own documentation shows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import rows

if TYPE_CHECKING:
    from collections.abc import Sequence

Values = dict[str, Any]

# Asked of every peer, on each of its connections; foreign keys and WAL included, all hold the same.
PRAGMAS = {"journal_mode": "WAL", "synchronous": "NORMAL", "foreign_keys": "ON"}


class Peer:
    """One library on one database; every write is committed when its call returns."""

    name: ClassVar[str]
    measured: ClassVar[tuple[str, ...]] = ("get", "insert", "update", "list", "eager", "bulk")

    async def open(self, url: str) -> None:
        """Connect to an empty database and make the tables."""
        raise NotImplementedError

    async def close(self) -> None:
        """Disconnect."""
        raise NotImplementedError

    async def add_authors(self, values: Sequence[Values]) -> None:
        """Insert the authors (not measured)."""
        raise NotImplementedError

    async def get(self, key: int) -> Any:
        """Return the book with this key."""
        raise NotImplementedError

    async def insert(self, values: Values) -> Any:
        """Insert one book and return it, with its key."""
        raise NotImplementedError

    async def update(self, key: int, pages: int) -> Any:
        """Read a book, change its number of pages, save it, return it."""
        raise NotImplementedError

    async def list(self, limit: int) -> Sequence[Any]:
        """Return the books with the lowest keys, in their order."""
        raise NotImplementedError

    async def eager(self) -> Sequence[Any]:
        """Return every author, in the order of keys, with all their books loaded."""
        raise NotImplementedError

    async def bulk(self, values: Sequence[Values]) -> None:
        """Insert many books in one transaction."""
        raise NotImplementedError

    async def copy(self, values: Sequence[Values]) -> None:
        """Insert many books by COPY in one transaction; nothing comes back."""
        raise NotImplementedError

    def plain(self, book: Any) -> Values:
        """Return what a book holds, in plain Python."""
        return {name: getattr(book, name) for name in ("id", *rows.COLUMNS)}

    def books_of(self, author: Any) -> Sequence[Any]:
        """Return the loaded books of an author; no query."""
        return author.books
