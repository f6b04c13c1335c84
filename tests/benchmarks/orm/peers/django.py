"""Django's ORM through its asynchronous calls, which run in one thread."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlsplit

import django
import rows
from asgiref.sync import sync_to_async
from django.conf import settings

from .peer import PRAGMAS, Peer, Values

if TYPE_CHECKING:
    from collections.abc import Sequence

settings.configure(USE_TZ=True, TIME_ZONE="UTC")
django.setup()

from django.db import connections, models  # noqa: E402  (needs the settings)


class Author(models.Model):
    """A parent."""

    id = models.AutoField(primary_key=True)
    name = models.TextField()
    email = models.TextField()

    class Meta:
        app_label = "library"
        db_table = "author"


class Book(models.Model):
    """A child, and the row of most figures."""

    id = models.AutoField(primary_key=True)
    title = models.TextField()
    language = models.TextField()
    pages = models.IntegerField()
    price = models.FloatField()
    in_print = models.BooleanField()
    added_at = models.DateTimeField()
    extras = models.JSONField()
    author = models.ForeignKey(Author, on_delete=models.CASCADE, null=True, related_name="books")

    class Meta:
        app_label = "library"
        db_table = "book"


class Django(Peer):
    """One call each."""

    name: ClassVar[str] = "Django"

    async def open(self, url: str) -> None:
        named = connections.configure_settings({"default": _database(url)})
        connections.settings = named
        await sync_to_async(_make_tables)()

    async def close(self) -> None:
        await sync_to_async(_forget_connection)()

    async def add_authors(self, values: Sequence[Values]) -> None:
        await Author.objects.abulk_create([Author(**each) for each in values])

    async def get(self, key: int) -> Book:
        return await Book.objects.aget(pk=key)

    async def insert(self, values: Values) -> Book:
        return await Book.objects.acreate(**values)

    async def update(self, key: int, pages: int) -> Book:
        book = await Book.objects.aget(pk=key)
        book.pages = pages
        await book.asave(update_fields=["pages"])
        return book

    async def list(self, limit: int) -> Sequence[Book]:
        return [book async for book in Book.objects.order_by("pk")[:limit]]

    async def eager(self) -> Sequence[Author]:
        found = Author.objects.order_by("pk").prefetch_related("books")
        return [author async for author in found]

    async def bulk(self, values: Sequence[Values]) -> None:
        await Book.objects.abulk_create([Book(**each) for each in values])

    def books_of(self, author: Any) -> Sequence[Book]:
        return list(author.books.all())


def _database(url: str) -> dict[str, Any]:
    if rows.is_sqlite(url):
        asked = "; ".join(f"PRAGMA {name} = {value}" for name, value in PRAGMAS.items())
        return {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": rows.path(url),
            "OPTIONS": {"init_command": asked, "transaction_mode": "IMMEDIATE"},
        }
    server = urlsplit(url)
    return {
        "ENGINE": "django.db.backends.postgresql",
        "HOST": server.hostname,
        "PORT": server.port,
        "USER": server.username,
        "PASSWORD": server.password,
        "NAME": server.path.strip("/"),
        "CONN_MAX_AGE": None,
    }


def _make_tables() -> None:
    with connections["default"].schema_editor() as editor:
        editor.create_model(Author)
        editor.create_model(Book)


def _forget_connection() -> None:
    connections["default"].close()
    del connections["default"]
