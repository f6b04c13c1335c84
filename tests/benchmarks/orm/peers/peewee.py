"""peewee: through its own asyncio layer, in a thread of its own, and plain.

An async program may use the first two; plain, every query stops the event loop.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import rows
from peewee import (
    BooleanField,
    DateTimeField,
    DoubleField,
    ForeignKeyField,
    IntegerField,
    JSONField,
    Model,
    SqliteDatabase,
    TextField,
    chunked,
    prefetch,
)
from playhouse.postgres_ext import Psycopg3Database
from playhouse.pwasyncio import AsyncPostgresqlDatabase, AsyncSqliteDatabase

from .peer import PRAGMAS, Peer, Values

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

# PostgreSQL takes 65,535 parameters in a statement, and SQLite 32,766; a book has eight.
_ROWS_A_STATEMENT = 3_000


class AwareDateTimeField(DateTimeField):
    """peewee's own field, which reads the zone; only the column's type on PostgreSQL is new."""

    field_type = "TIMESTAMPTZ"


class Plain(Peer):
    """One call each, on the event loop's own thread."""

    name = "peewee, blocking"
    measured = ("get", "insert", "update")

    def __init__(self) -> None:
        self.author, self.book = _models()

    async def open(self, url: str) -> None:
        self.database = self._database(url)
        self.database.bind([self.author, self.book])
        await self._run(self.database.connect)
        await self._run(self.database.create_tables, [self.author, self.book])

    async def close(self) -> None:
        await self._run(self.database.close)

    async def add_authors(self, values: Sequence[Values]) -> None:
        await self._run(self.author.bulk_create, [self.author(**each) for each in values])

    async def get(self, key: int) -> Any:
        return await self._run(self.book.get_by_id, key)

    async def insert(self, values: Values) -> Any:
        return await self._run(self._create, values)

    async def update(self, key: int, pages: int) -> Any:
        return await self._run(self._update, key, pages)

    async def list(self, limit: int) -> Sequence[Any]:
        return await self._run(self._list, limit)

    async def eager(self) -> Sequence[Any]:
        return await self._run(self._eager)

    async def bulk(self, values: Sequence[Values]) -> None:
        await self._run(self._bulk, values)

    def books_of(self, author: Any) -> Sequence[Any]:
        return author.books

    def _database(self, url: str) -> Any:
        if rows.is_sqlite(url):
            return SqliteDatabase(rows.path(url), pragmas=PRAGMAS)
        return Psycopg3Database(url)

    async def _run(self, work: Callable[..., Any], *args: Any) -> Any:
        return work(*args)

    def _create(self, values: Values) -> Any:
        return self.book.create(**values)

    def _update(self, key: int, pages: int) -> Any:
        book = self.book.get_by_id(key)
        book.pages = pages
        book.save(only=[self.book.pages])
        return book

    def _list(self, limit: int) -> Sequence[Any]:
        return list(self.book.select().order_by(self.book.id).limit(limit))

    def _eager(self) -> Sequence[Any]:
        return prefetch(self.author.select().order_by(self.author.id), self.book.select())

    def _bulk(self, values: Sequence[Values]) -> None:
        with self.database.atomic():
            for part in chunked([self.book(**each) for each in values], _ROWS_A_STATEMENT):
                self.book.bulk_create(part)


class Threaded(Plain):
    """Each operation whole in a thread that keeps its connection."""

    name = "peewee in a thread"
    measured = Peer.measured

    async def open(self, url: str) -> None:
        self.thread = ThreadPoolExecutor(1)
        await super().open(url)

    async def close(self) -> None:
        await super().close()
        self.thread.shutdown()

    async def _run(self, work: Callable[..., Any], *args: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self.thread, work, *args)


class Async(Plain):
    """peewee's asyncio layer, `playhouse.pwasyncio`: aiosqlite and asyncpg."""

    name = "peewee"
    measured = Peer.measured

    async def close(self) -> None:
        await self.database.close_pool()

    def _database(self, url: str) -> Any:
        if rows.is_sqlite(url):
            return AsyncSqliteDatabase(rows.path(url), pragmas=PRAGMAS)
        return AsyncPostgresqlDatabase(url)

    async def _run(self, work: Callable[..., Any], *args: Any) -> Any:
        return await self.database.run(work, *args)


def _models() -> tuple[type[Any], type[Any]]:
    """Return models of their own: a peewee model is bound to one database at a time."""

    class Author(Model):
        name = TextField()
        email = TextField()

    class Book(Model):
        title = TextField()
        language = TextField()
        pages = IntegerField()
        price = DoubleField()
        in_print = BooleanField()
        added_at = AwareDateTimeField()
        extras = JSONField()
        author = ForeignKeyField(Author, backref="books", null=True)

    return Author, Book
