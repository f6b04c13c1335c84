"""What people write by mistake is an error with a sentence that says what to write instead."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import pytest

from mizzen.orm import (
    ConfigurationError,
    Database,
    Field,
    Invalid,
    Model,
    NotFound,
    OrmError,
    Relationship,
    UnknownName,
)

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
    "a list of conditions": (
        lambda x: x.Book.where([x.Book.pages > 3]),
        UnknownName,
        "where(*conditions)",
    ),
    "Python's is": (lambda x: x.Book.where(x.Book.pages is None), UnknownName, "field=None"),
    "Python's not": (lambda x: x.Book.where(not x.Book.pages), UnknownName, "&, |, ~"),
    "a text": (lambda x: x.Book.where("pages > 3"), UnknownName, "raw()"),
    "an object for its key": (
        lambda x: x.Book.where(author_id=x.ann),
        UnknownName,
        "author_id=row.id",
    ),
    "objects for keys": (
        lambda x: x.Book.where(author_id__in=[x.ann]),
        UnknownName,
        "by the relation's name",
    ),
    "one for many": (lambda x: x.Book.where(pages__in=5), UnknownName, "a list of values, not int"),
    "order by a relation": (lambda x: x.Book.order("author"), UnknownName, "join('author')"),
    "order across": (lambda x: x.Book.order("-author__name"), UnknownName, "join('author')"),
    "order with dots": (lambda x: x.Book.order("author.name"), UnknownName, "join('author')"),
    "order by an attribute": (
        lambda x: x.Book.order(x.Book.author),
        UnknownName,
        "Book.author is a relation: join it",
    ),
    "order as in SQL": (lambda x: x.Book.order("title DESC"), UnknownName, '"-title"'),
    "include across": (lambda x: x.Author.include("books__author"), UnknownName, "'books.author'"),
    "a misspelt field": (
        lambda x: x.Book.create(titel="a"),
        Invalid,
        "titel: no such field; there",
    ),
    "upsert without a rule": (
        lambda x: x.Book.upsert_all([{"title": "a"}], on=["title"]),
        OrmError,
        "one unique rule",
    ),
    "using a URL": (
        lambda x: x.Book.using("memory:").all(),
        ConfigurationError,
        "takes a Database",
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


async def test_a_forgotten_await_is_suspected(library: Library) -> None:
    asked = library.Author.first()
    with pytest.raises(UnknownName, match="is an `await` missing"):
        library.Book.where(author_id=asked)
    with pytest.raises(Invalid, match="is an `await` missing"):
        library.Book(title="a", author=asked)
    asked.close()


async def test_names_that_belong_to_queries_are_found_there(library: Library) -> None:
    for name in ("limit", "pluck", "delete_all"):
        with pytest.raises(AttributeError, match=rf"Book has no .*: write Book\.all\(\)\.{name}"):
            getattr(library.Book, name)
    with pytest.raises(AttributeError, match=r"Book has no attribute 'objects'$"):
        _ = library.Book.objects
    with pytest.raises(TypeError, match=r"Book\(field=…\)"):
        library.Book("emma")
    with pytest.raises(TypeError, match=r"Book\(\*\*values\)"):
        library.Book({"title": "emma"})


async def test_a_database_is_used_as_one(db: Database) -> None:
    wrong: Any = db
    with pytest.raises(TypeError, match="async with db"), wrong:
        pass
    with pytest.raises(ConfigurationError, match="with a function"):
        wrong.on_change("tell")
    with pytest.raises(ConfigurationError, match="of models"):
        wrong.on_change(print, "notes")
    for url in (None, ":memory:"):
        made: Any = Database
        with pytest.raises(ConfigurationError, match="URL"):
            made(url)


async def test_cursors_are_signed_with_bytes(library: Library) -> None:
    await library.Book.create(title="persuasion")
    wrong: Any = "a text"
    with pytest.raises(ConfigurationError, match="with bytes, not with str"):
        await library.Book.order("id").after(size=1, key=wrong)


async def test_a_table_that_is_missing_says_how_to_make_it(db: Database) -> None:
    class Late(Model):
        name: str

    with pytest.raises(OrmError, match=r"await db\.create_all\(\)"):
        await Late.create(name="a")
    await db.create_all()

    again: Any = type(Model)(  # as a cell that is run again
        "Late",
        (Model,),
        {"__module__": __name__, "__annotations__": {"name": str, "more": int}},
    )
    with pytest.raises(OrmError, match="a migration adds it"):
        await again.create(name="a", more=1)


async def test_an_object_of_another_database_is_not_taken_along(library: Library) -> None:
    async with Database() as other, other.session():
        await other.create_all()
        library.ann.name = "changed"
        with pytest.raises(NotFound, match="another database's"):
            await library.Book.create(title="a", author=library.ann)


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
