"""What every kind of database promises, and models that last for one test only."""

from __future__ import annotations

import asyncio
from contextvars import Context
from typing import TYPE_CHECKING

import pytest

from . import Field, Relationship
from ._database import Database
from ._errors import ConstraintFailed, NotFound, NotUnique
from ._models.known import ModelSet
from ._models.model import Model
from ._models.timestamps import Timestamps
from ._search.testing import SearchContract
from ._testing.declarations import lazy, sequence, sub, trait
from ._testing.factory import Factory
from ._testing.queries import assert_queries
from ._testing.sandbox import sandbox
from ._testing.template import TemplateDatabase

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from contextlib import AbstractAsyncContextManager

__all__ = [
    "Article",
    "DatabaseContract",
    "Factory",
    "ModelSet",
    "SearchContract",
    "TemplateDatabase",
    "Writer",
    "assert_queries",
    "lazy",
    "sandbox",
    "scratch_models",
    "sequence",
    "sub",
    "trait",
]


def scratch_models() -> ModelSet:
    """Return an empty set of models; inside `with` only its models are known, and can be added.

    Models defined inside are forgotten after the block; it can be entered again.
    """
    return ModelSet()


_OURS = ModelSet()

with _OURS:

    class Writer(Timestamps, Model):
        """One side of the contract's relation."""

        name: str = Field(unique=True, min_length=1)
        articles: list[Article] = Relationship(back_populates="writer")

    class Article(Model):
        """The other side, with a text key."""

        id: str = Field(primary_key=True)
        title: str
        body: str = ""
        stars: int = 0
        writer_id: int | None = Field(default=None, foreign_key="writers.id", ondelete="CASCADE")
        writer: Writer | None = Relationship(back_populates="articles")


class DatabaseContract:
    """Subclass it, and give it a fixture `url`: the URL of an empty database."""

    @pytest.fixture
    async def db(self, url: str, anyio_backend: object) -> AsyncGenerator[Database]:
        """Return the started database with the contract's tables."""
        with _OURS:
            async with Database(url) as database:
                await database.create_all()
                yield database

    async def test_what_is_created_is_found(self, db: Database) -> None:
        writer = await Writer.create(name="ann")
        found = await Writer.get(writer.id)
        assert (found.name, found.created_at) == ("ann", writer.created_at)
        assert found == writer
        assert found is not writer

    async def test_a_missing_row_is_none_or_an_error(self, db: Database) -> None:
        assert await Writer.find(7) is None
        with pytest.raises(NotFound, match="no Writer 7"):
            await Writer.get(7)

    async def test_an_update_writes_and_moves_updated_at(self, db: Database) -> None:
        writer = await Writer.create(name="ann")
        before = writer.updated_at
        await writer.update(name="bea")
        found = await Writer.get(writer.id)
        assert found.name == "bea"
        assert found.updated_at > before

    async def test_a_second_row_with_a_unique_value_is_refused(self, db: Database) -> None:
        await Writer.create(name="ann")
        with pytest.raises(NotUnique):
            await Writer.create(name="ann")
        assert await Writer.all().count() == 1

    async def test_a_reference_to_nothing_is_refused(self, db: Database) -> None:
        with pytest.raises(ConstraintFailed):
            await Article.create(id="a", title="x", writer_id=99)

    async def test_dependents_go_with_their_owner(self, db: Database) -> None:
        writer = await Writer.create(name="ann")
        await Article.create(id="a", title="x", writer=writer)
        await writer.destroy()
        assert await Article.all().count() == 0

    async def test_a_failed_transaction_leaves_nothing(self, db: Database) -> None:
        async def fail() -> None:
            async with db.transaction():
                await Writer.create(name="ann")
                raise KeyError

        with pytest.raises(KeyError):
            await fail()
        assert not await Writer.all().exists()

    async def test_an_inner_transaction_fails_alone(self, db: Database) -> None:
        async with db.transaction():
            writer = await Writer.create(name="ann")
            inner = db.transaction()
            with pytest.raises(NotUnique):
                await _rename_and_repeat(inner, writer)
            assert writer.name == "ann"
            await Writer.create(name="cleo")
        assert await Writer.order("name").pluck("name") == ["ann", "cleo"]

    async def test_what_is_uncommitted_is_seen_inside_only(self, db: Database) -> None:
        async with db.transaction():
            await Writer.create(name="ann")
            assert await Writer.all().count() == 1
            # A task that started elsewhere has no ambient transaction.
            seen = await asyncio.create_task(Writer.all().count(), context=Context())
            assert seen == 0

    async def test_every_lookup(self, db: Database) -> None:
        await Article.insert_all(
            {"id": key, "title": title, "stars": stars}
            for key, title, stars in [("a", "One", 1), ("b", "one two", 2), ("c", "100%_", 3)]
        )

        async def keys(**lookups: object) -> str:
            return "".join(await Article.where(**lookups).order("id").pluck("id"))

        assert await keys(stars=2) == "b"
        assert await keys(stars__ne=2) == "ac"
        assert await keys(stars__gt=1, stars__lt=3) == "b"
        assert await keys(stars__gte=2) + await keys(stars__lte=1) == "bca"
        assert await keys(id__in=["a", "c"]) == "ac"
        assert await keys(title__contains="one") == "b"
        assert await keys(title__icontains="ONE") == "ab"
        assert await keys(title__startswith="On") == "a"
        assert await keys(title__contains="%_") == "c"
        assert await keys(writer_id__isnull=True) == "abc"
        assert await keys(writer_id=None, writer_id__isnull=False) == ""

    async def test_relations_are_included_and_joined(self, db: Database) -> None:
        ann = await Writer.create(name="ann")
        await Article.create(id="a", title="x", writer=ann)
        await Article.create(id="b", title="y")
        (found,) = await Article.join(Writer).where(Writer.name == "ann").include("writer.articles")
        assert found.writer is not None
        assert [article.id for article in found.writer.articles] == ["a"]

    async def test_bulk_changes_count_their_rows(self, db: Database) -> None:
        await Article.insert_all({"id": f"{n:04}", "title": "t", "stars": n} for n in range(1200))
        assert await Article.where(stars__lt=10).update_all(stars=Article.stars + 5000) == 10
        assert await Article.order("-stars").limit(3).delete_all() == 3
        assert [article.stars for article in await Article.order("-stars").limit(1)] == [5006]
        assert await Article.all().count() == 1197

    async def test_a_thousand_rows_are_iterated_once_each(self, db: Database) -> None:
        await Article.insert_all({"id": f"{n:04}", "title": "t"} for n in range(1200))
        seen = [article.id async for article in Article.order("id")]
        assert seen == [f"{n:04}" for n in range(1200)]


async def _rename_and_repeat(inner: AbstractAsyncContextManager[object], writer: Writer) -> None:
    async with inner:
        await writer.update(name="bea")
        await Writer.create(name="bea")
