"""Tortoise: aiosqlite on SQLite, asyncpg on PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import rows
from tortoise import Tortoise, fields
from tortoise.models import Model

from .peer import PRAGMAS, Peer, Values

if TYPE_CHECKING:
    from collections.abc import Sequence


class Author(Model):
    """A parent."""

    id = fields.IntField(primary_key=True)
    name = fields.TextField()
    email = fields.TextField()
    books: fields.ReverseRelation[Book]

    class Meta:
        table = "author"


class Book(Model):
    """A child, and the row of most figures."""

    id = fields.IntField(primary_key=True)
    title = fields.TextField()
    language = fields.TextField()
    pages = fields.IntField()
    price = fields.FloatField()
    in_print = fields.BooleanField()
    added_at = fields.DatetimeField()
    extras = fields.JSONField()
    author = fields.ForeignKeyField("models.Author", related_name="books", null=True, db_index=True)

    class Meta:
        table = "book"


class TortoiseORM(Peer):
    """One call each."""

    name = "Tortoise"

    async def open(self, url: str) -> None:
        # Tortoise keeps the SQL it made under the connection's name: each kind has its own name.
        name = "sqlite" if rows.is_sqlite(url) else "postgresql"
        apps = {"models": {"models": [__name__], "default_connection": name}}
        await Tortoise.init({"connections": {name: _connection(url)}, "apps": apps})
        await Tortoise.generate_schemas()

    async def close(self) -> None:
        await Tortoise.close_connections()

    async def add_authors(self, values: Sequence[Values]) -> None:
        await Author.bulk_create([Author(**each) for each in values])

    async def get(self, key: int) -> Book:
        return await Book.get(id=key)

    async def insert(self, values: Values) -> Book:
        return await Book.create(**values)

    async def update(self, key: int, pages: int) -> Book:
        book = await Book.get(id=key)
        book.pages = pages
        await book.save(update_fields=["pages"])
        return book

    async def list(self, limit: int) -> Sequence[Book]:
        return await Book.all().order_by("id").limit(limit)

    async def eager(self) -> Sequence[Author]:
        return await Author.all().order_by("id").prefetch_related("books")

    async def bulk(self, values: Sequence[Values]) -> None:
        await Book.bulk_create([Book(**each) for each in values])  # without their keys


def _connection(url: str) -> dict[str, object]:
    if rows.is_sqlite(url):
        credentials = {"file_path": rows.path(url), **PRAGMAS}
        return {"engine": "tortoise.backends.sqlite", "credentials": credentials}
    server = urlsplit(url)
    credentials = {
        "host": server.hostname,
        "port": server.port,
        "user": server.username,
        "password": server.password,
        "database": server.path.strip("/"),
    }
    return {"engine": "tortoise.backends.asyncpg", "credentials": credentials}
