"""Ours, through its public names only."""

from __future__ import annotations

import inspect
from datetime import datetime  # noqa: TC003  (read at run time)
from typing import TYPE_CHECKING, Any, ClassVar

from sqlalchemy import JSON
from sqlalchemy.dialects.postgresql import JSONB

from mizzen.orm import Database, Field, Model, Relationship

from .peer import Peer, Values

if TYPE_CHECKING:
    from collections.abc import Sequence


class Author(Model):
    """A parent."""

    __tablename__ = "author"

    name: str
    email: str
    books: list[Book] = Relationship(back_populates="author")


class Book(Model):
    """A child, and the row of most figures."""

    __tablename__ = "book"

    title: str
    language: str
    pages: int
    price: float
    in_print: bool
    added_at: datetime
    extras: dict[str, Any] = Field(sa_type=JSON().with_variant(JSONB(), "postgresql"))
    author_id: int | None = Field(default=None, foreign_key="author.id", index=True)
    author: Author | None = Relationship(back_populates="books")


class Mizzen(Peer):
    """One call each."""

    name = "mizzen.orm"
    measured = (*Peer.measured, "copy")
    options: ClassVar[dict[str, Any]] = {}

    async def open(self, url: str) -> None:
        self.database = await Database(url, **self.options).start()
        await self.database.create_all()

    async def close(self) -> None:
        await self.database.aclose()

    async def add_authors(self, values: Sequence[Values]) -> None:
        await Author.insert_all(values)

    async def get(self, key: int) -> Book:
        return await Book.get(key)

    async def insert(self, values: Values) -> Book:
        return await Book.create(**values)

    async def update(self, key: int, pages: int) -> Book:
        book = await Book.get(key)
        return await book.update(pages=pages)

    async def list(self, limit: int) -> Sequence[Book]:
        return await Book.order("id").limit(limit)

    async def eager(self) -> Sequence[Author]:
        return await Author.order("id").include("books")

    async def bulk(self, values: Sequence[Values]) -> None:
        await Book.insert_all(values)

    async def copy(self, values: Sequence[Values]) -> None:
        await Book.copy_all(values)


class MizzenInline(Mizzen):
    """Small reads run on the event loop's own thread."""

    name = "mizzen.orm, inline reads"
    options: ClassVar[dict[str, Any]] = {"inline_reads": True}


def has_inline_reads() -> bool:
    """Tell whether this version has the switch."""
    return "inline_reads" in inspect.signature(Database).parameters
