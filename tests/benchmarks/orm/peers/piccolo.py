"""Piccolo: aiosqlite on SQLite, asyncpg with a pool on PostgreSQL."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any

import rows
from piccolo.columns import (
    JSONB,
    Boolean,
    DoublePrecision,
    ForeignKey,
    Integer,
    Serial,
    Text,
    Timestamptz,
)
from piccolo.engine.postgres import PostgresEngine
from piccolo.engine.sqlite import SQLiteEngine
from piccolo.table import Table, create_db_tables

from .peer import PRAGMAS, Peer, Values

if TYPE_CHECKING:
    from collections.abc import Sequence

# PostgreSQL takes 65,535 parameters in a statement, and SQLite 32,766; a book has nine.
_ROWS_A_STATEMENT = 3_000


class Author(Table, tablename="author"):
    """A parent."""

    id = Serial(primary_key=True)
    name = Text()
    email = Text()


class Book(Table, tablename="book"):
    """A child, and the row of most figures."""

    id = Serial(primary_key=True)
    title = Text()
    language = Text()
    pages = Integer()
    price = DoublePrecision()
    in_print = Boolean()
    added_at = Timestamptz()
    extras = JSONB()
    author_id = ForeignKey(references=Author, null=True, index=True)


class Settled(sqlite3.Connection):
    """Piccolo opens a connection for each query: it has to come with the settings of the others."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        for name, value in PRAGMAS.items():
            self.execute(f"PRAGMA {name} = {value}").close()


class Piccolo(Peer):
    """One call each; JSON is asked for as objects."""

    name = "Piccolo"

    async def open(self, url: str) -> None:
        if rows.is_sqlite(url):
            self.engine = SQLiteEngine(rows.path(url), factory=Settled)
        else:
            self.engine = PostgresEngine({"dsn": url}, extensions=())
            await self.engine.start_connection_pool()
        for table in (Author, Book):
            table._meta.db = self.engine
        await create_db_tables(Author, Book)

    async def close(self) -> None:
        if isinstance(self.engine, PostgresEngine):
            await self.engine.close_connection_pool()

    async def add_authors(self, values: Sequence[Values]) -> None:
        await Author.insert(*(Author(**each) for each in values))

    async def get(self, key: int) -> Book | None:
        return await Book.objects().where(Book.id == key).first().output(load_json=True)

    async def insert(self, values: Values) -> Book:
        book = Book(**values)
        await book.save()
        return book

    async def update(self, key: int, pages: int) -> Book:
        book = await Book.objects().where(Book.id == key).first().output(load_json=True)
        book.pages = pages
        await book.save([Book.pages])
        return book

    async def list(self, limit: int) -> Sequence[Book]:
        return await Book.objects().order_by(Book.id).limit(limit).output(load_json=True)

    async def eager(self) -> Sequence[tuple[Author, list[Book]]]:
        # Piccolo loads parents with their children, not children with their parents: two queries.
        authors = await Author.objects().order_by(Author.id)
        among = Book.author_id.is_in([author.id for author in authors])
        books: dict[int, list[Book]] = {author.id: [] for author in authors}
        for book in await Book.objects().where(among).order_by(Book.id).output(load_json=True):
            books[book.author_id].append(book)
        return [(author, books[author.id]) for author in authors]

    async def bulk(self, values: Sequence[Values]) -> None:
        async with self.engine.transaction():
            for start in range(0, len(values), _ROWS_A_STATEMENT):
                part = values[start : start + _ROWS_A_STATEMENT]
                await Book.insert(*(Book(**each) for each in part))

    def books_of(self, author: Any) -> Sequence[Any]:
        return author[1]
