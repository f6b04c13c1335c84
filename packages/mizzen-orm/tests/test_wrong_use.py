"""What people write by mistake is an error with a sentence that says what to write instead."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import pytest

from mizzen.orm import Database, Field, Invalid, Model, OrmError, Relationship, UnknownName

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

pytestmark = pytest.mark.usefixtures("mizzen_models")


@pytest.fixture
async def db(database_url: str) -> AsyncGenerator[Database]:
    """A started database without tables."""
    async with Database(database_url) as database:
        yield database


class Library:
    """An author with one book."""

    def __init__(self, author: type[Any], book: type[Any], ann: Any, emma: Any) -> None:
        self.Author, self.Book, self.ann, self.emma = author, book, ann, emma


@pytest.fixture
async def library(db: Database) -> Library:
    """Two models, each the other's relation, and a row of each."""

    class Author(Model):
        name: str
        books: list[Book] = Relationship(back_populates="author")

    class Book(Model):
        title: str
        pages: int | None = None
        author_id: int | None = Field(default=None, foreign_key="authors.id")
        author: Author | None = Relationship(back_populates="books")

    await db.create_all()
    ann = await Author.create(name="ann")
    return Library(Author, Book, ann, await Book.create(title="emma", pages=5, author_id=ann.id))


WRONG: dict[str, tuple[Callable[[Library], Any], type[OrmError], str]] = {
    "limit": (lambda x: x.Book.order("id").limit("5"), Invalid, "limit('5')"),
    "fraction": (lambda x: x.Book.order("id").limit(1.5), Invalid, "whole"),
    "offset": (lambda x: x.Book.order("id").offset("a"), Invalid, "offset('a')"),
    "page": (lambda x: x.Book.order("id").page("2"), Invalid, "page('2', 20)"),
    "slice": (lambda x: x.Book.order("id").after(size="2"), Invalid, "size='2'"),
    "include a model": (lambda x: x.Book.all().include(x.Author), UnknownName, "no relation"),
    "include a number": (lambda x: x.Book.all().include(5), UnknownName, "relations are author"),
    "join a column": (lambda x: x.Book.join(x.Book.title), UnknownName, "Book.title is no"),
    "no look-up": (lambda x: x.Book.where(author__=x.ann), UnknownName, "write author=…"),
    "no look-up of a field": (lambda x: x.Book.where(title__="a"), UnknownName, "write title=…"),
    "no look-up across": (lambda x: x.Book.where(author__name__="a"), UnknownName, "author__name="),
    "no look-up in a dict": (
        lambda x: x.Book.where_any({"author__": x.ann}),
        UnknownName,
        "author",
    ),
    "contains None": (lambda x: x.Book.where(title__contains=None), UnknownName, "isnull"),
    "iexact None": (lambda x: x.Book.where(title__iexact=None), UnknownName, "isnull"),
    "several for one": (lambda x: x.Book.where(pages=[1, 2]), UnknownName, "pages__in"),
    "huge key": (lambda x: x.Book.get(10**30), OrmError, ""),
    "object for key": (lambda x: x.Book.get(object()), OrmError, ""),
    "rows: a text": (lambda x: x.Book.insert_all("abc"), Invalid, "list of dicts"),
    "rows: None": (lambda x: x.Book.insert_all(None), Invalid, "list of dicts"),
    "rows: a row": (lambda x: x.Book.insert_all({"title": "a"}), Invalid, "list of dicts"),
    "rows: numbers": (lambda x: x.Book.insert_all([1]), Invalid, "a row is a dict"),
    "raw": (lambda x: x.Book.all().raw(5), UnknownName, "SQL is given as a text"),
    "find nothing": (lambda x: x.Book.all().find_or_create(), UnknownName, "field=value"),
    "defaults": (lambda x: x.Book.all().find_or_create([1], title="a"), UnknownName, "a dict"),
    "another model": (
        lambda x: x.Book.create(title="a", author=x.emma),
        Invalid,
        "author: takes Author, not Book",
    ),
    "one for several": (
        lambda x: x.Author.create(name="a", books=x.emma),
        Invalid,
        "books: takes a list of Book",
    ),
    "several for a relation": (
        lambda x: x.Book.create(title="a", author=[x.ann]),
        Invalid,
        "takes one Author",
    ),
    "None among several": (lambda x: x.Author.create(name="a", books=[None]), Invalid, "NoneType"),
}


@pytest.mark.parametrize("case", list(WRONG))
async def test_a_mistake_is_explained(library: Library, case: str) -> None:
    wrong, error, words = WRONG[case]
    with pytest.raises(error, match=re.escape(words) or None):
        await wrong(library)
    assert await library.Book.all().count() == 1
    assert await library.Author.all().count() == 1


async def test_a_refused_relation_changes_nothing(library: Library) -> None:
    book, ann = library.emma, library.ann
    with pytest.raises(Invalid, match="takes Author"):
        book.author = library.emma
    with pytest.raises(Invalid, match="takes Author"):
        await book.update(author=library.emma)
    await book.save()
    assert (await library.Book.get(book.id)).author_id == ann.id


async def test_a_query_is_no_list_before_it_runs(library: Library) -> None:
    for query in (library.Book.order("id"), library.Book.select("title")):
        for wrong, words in (
            (lambda query=query: [row for row in query], "for row in await query"),
            (lambda query=query: list(query), "await query.first"),
            (lambda query=query: query[0], "await query.first"),
            (lambda query=query: query[:3], "limit(rows).offset(skipped)"),
            (lambda query=query: library.emma in query, "await query"),
            (lambda query=query: len(query), "await query.count()"),
            (lambda query=query: "yes" if query else "no", "await query.exists()"),
        ):
            with pytest.raises(TypeError, match=re.escape(words)):
                wrong()
        assert len(await query) == 1
        assert not isinstance(query, Iterable)


async def test_batches_have_a_size(library: Library) -> None:
    with pytest.raises(Invalid, match="in_batches"):
        async for _ in library.Book.all().in_batches("many"):
            pass


async def test_none_in_a_list_is_found_as_null(library: Library) -> None:
    book = library.Book
    await book.insert_all([{"title": "none"}, {"title": "seven", "pages": 7}])

    async def titles(**lookups: object) -> list[str]:
        return list(await book.where(**lookups).order("id").pluck("title"))

    assert await titles(pages__in=[5, None]) == ["emma", "none"]
    assert await titles(pages__in=[None]) == ["none"]
    assert await titles(pages__not_in=[5, None]) == ["seven"]
    assert await titles(pages__not_in=[None]) == ["emma", "seven"]
    assert await titles(pages__not_in=[5]) == ["none", "seven"]
    assert [found.title for found in await book.where(pages__in=(None, 7)).order("id")] == [
        "none",
        "seven",
    ]
