"""Rows as pydantic copies, dumps and validates them: what a service does with its models."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter

from mizzen.orm import Database, Field, Invalid, Model, Relationship, UnknownName

pytestmark = pytest.mark.usefixtures("mizzen_models", "tables")


@pytest.fixture
async def tables(mizzen_models: None, mizzen_db: Database) -> list[Any]:
    """Two related models and a row of each."""

    class Author(Model):
        name: str
        books: list[Book] = Relationship(back_populates="author")

    class Book(Model):
        title: str
        pages: int = 0
        author_id: int | None = Field(default=None, foreign_key="authors.id")
        author: Author | None = Relationship(back_populates="books")

    await mizzen_db.create_all()
    ann = await Author.create(name="ann")
    await Book.create(title="emma", author_id=ann.id)
    return [Author, Book]


@pytest.mark.parametrize("deep", [False, True])
async def test_an_updated_copy_of_a_row_is_saved(tables: list[Any], deep: bool) -> None:
    _, book = tables
    row = await book.get(1)
    copied = row.model_copy(update={"title": "persuasion", "pages": "7"}, deep=deep)
    assert copied.changes == {"title": ("emma", "persuasion"), "pages": (0, 7)}
    assert (row.title, row.changes) == ("emma", {})
    await copied.save()
    assert await book.all().pluck("id", "title", "pages") == [(1, "persuasion", 7)]


async def test_an_updated_copy_of_a_new_object_is_another_row(tables: list[Any]) -> None:
    _, book = tables
    first = book(title="one")
    second = first.model_copy(update={"title": "two"})
    await first.save()
    await second.save()
    assert await book.where(id__gt=1).order("id").pluck("title") == ["one", "two"]


async def test_a_copy_is_validated(tables: list[Any]) -> None:
    _, book = tables
    row = await book.get(1)
    with pytest.raises(Invalid, match="pages"):
        row.model_copy(update={"pages": "many"})
    with pytest.raises(UnknownName, match="nope"):
        row.model_copy(update={"nope": 1})


async def test_a_copy_takes_a_relation(tables: list[Any]) -> None:
    author, book = tables
    bea = await author.create(name="bea")
    copied = (await book.get(1)).model_copy(update={"author": bea})
    await copied.save()
    assert (await book.get(1)).author_id == bea.id


async def test_dumps_hold_fields_and_no_relations(tables: list[Any]) -> None:
    _, book = tables
    row = {"id": 1, "title": "emma", "pages": 0, "author_id": 1}
    plain = await book.get(1)
    (loaded,) = await book.all().include("author")
    for found in (plain, loaded):
        assert found.model_dump() == row
        kind: Any = list.__class_getitem__(book)
        adapter = TypeAdapter[Any](kind)
        assert adapter.dump_python([found], mode="json") == [row]
        assert adapter.validate_python([found])[0] is found
