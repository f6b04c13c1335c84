"""The rows that every peer holds: 100 authors with 10 books each, in columns of the usual types.

Each peer makes the two tables with its own means, `author` and `book`, with the same columns and
the same index on `book.author_id`. A witness reads what was committed, on a connection of its own.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import psycopg

if TYPE_CHECKING:
    from collections.abc import Generator

AUTHORS, BOOKS_EACH = 100, 10
BOOKS = AUTHORS * BOOKS_EACH
COLUMNS = ("title", "language", "pages", "price", "in_print", "added_at", "extras")

_LANGUAGES = ("en", "fr", "sw", "zh")
_FIRST = datetime(2024, 1, 1, 12, 30, 15, 250_000, tzinfo=UTC)


def author(n: int) -> dict[str, Any]:
    """Return the values of author *n*, without its key."""
    return {"name": f"Author number {n}", "email": f"author{n}@example.org"}


def book(n: int) -> dict[str, Any]:
    """Return the values of book *n*, without its key and its author."""
    return {
        "title": f"A book of middling length, volume {n}",
        "language": _LANGUAGES[n % 4],
        "pages": n,
        "price": n / 8,
        "in_print": n % 3 != 0,
        "added_at": _FIRST + timedelta(minutes=n),
        "extras": {"tags": ["novel", f"shelf {n % 7}"], "weight": n},
    }


def authors() -> list[dict[str, Any]]:
    """Return the authors that are there from the start; the keys are 1 to 100."""
    return [author(n) for n in range(1, AUTHORS + 1)]


def books() -> list[dict[str, Any]]:
    """Return the books that are there from the start; the keys are 1 to 1,000."""
    return [book(n) | {"author_id": author_of(n)} for n in range(1, BOOKS + 1)]


def author_of(n: int) -> int:
    """Return the key of the author of the book with key *n*."""
    return (n - 1) // BOOKS_EACH + 1


def is_sqlite(url: str) -> bool:
    """Tell whether *url* names a SQLite file."""
    return url.startswith("sqlite:///")


def path(url: str) -> str:
    """Return the file that a SQLite URL names."""
    return url.removeprefix("sqlite:///")


class Witness:
    """What the database holds, in the eyes of another connection."""

    def __init__(self, connection: Any, mark: str) -> None:
        self._connection, self._mark = connection, mark

    def pages(self, key: int) -> int:
        """Return the committed number of pages of one book."""
        statement = f"SELECT pages FROM book WHERE id = {self._mark}"
        return self._connection.execute(statement, (key,)).fetchone()[0]

    def newest(self, column: str, rows: int) -> list[Any]:
        """Return one column of the committed books with the highest keys, newest first."""
        statement = f"SELECT {column} FROM book ORDER BY id DESC LIMIT {rows}"
        return [row[0] for row in self._connection.execute(statement).fetchall()]


@contextmanager
def witness(url: str) -> Generator[Witness]:
    """Open a connection that no peer has."""
    if is_sqlite(url):
        with closing(sqlite3.connect(path(url))) as connection:
            yield Witness(connection, "?")
    else:
        with psycopg.connect(url, autocommit=True) as connection:
            yield Witness(connection, "%s")
