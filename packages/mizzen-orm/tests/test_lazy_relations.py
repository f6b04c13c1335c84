"""Relations that were not included: awaited, loaded for all siblings, never MissingGreenlet."""

from __future__ import annotations

import copy
import pickle
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import event

from mizzen.orm import Database, Field, Model, NotLoaded, Relationship
from mizzen.orm.testing import scratch_models

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Generator

    from mizzen.orm._connections.direct import Answer, Prepared

with scratch_models() as MODELS:

    class Tagging(Model):
        book_id: int | None = Field(default=None, foreign_key="books.id", primary_key=True)
        tag_id: int | None = Field(default=None, foreign_key="tags.id", primary_key=True)

    class Tag(Model):
        word: str
        books: list[Book] = Relationship(back_populates="tags", link_model=Tagging)

    class Author(Model):
        name: str
        mentor_id: int | None = Field(default=None, foreign_key="authors.id")
        mentor: Author | None = Relationship(
            back_populates="pupils", sa_relationship_kwargs={"remote_side": "Author.id"}
        )
        pupils: list[Author] = Relationship(back_populates="mentor")
        books: list[Book] = Relationship(back_populates="author")

    class Book(Model):
        title: str
        author_id: int | None = Field(default=None, foreign_key="authors.id")
        author: Author | None = Relationship(back_populates="books")
        tags: list[Tag] = Relationship(back_populates="books", link_model=Tagging)


def loose(value: object) -> Any:
    """Return *value* for the checkers to leave alone: awaiting `Author | None` is beyond them."""
    return value


@pytest.fixture
async def db(database_url: str, anyio_backend: object) -> AsyncGenerator[Database]:
    with MODELS:
        async with Database(database_url) as database:
            await database.create_all()
            ann, bea = await Author.create(name="ann"), await Author.create(name="bea")
            await bea.update(mentor_id=ann.id)
            for number in range(6):
                await Book.create(title=f"b{number}", author_id=[ann.id, bea.id, None][number % 3])
            yield database


@pytest.fixture
def reads(db: Database) -> Generator[list[str]]:
    seen: list[str] = []
    direct = loose(db.driver).direct
    read = direct.read

    async def counted(statement: Prepared) -> Answer:
        seen.append(statement.sql)
        answer: Answer = await read(statement)
        return answer

    direct.read = counted

    def remember(*call: object) -> None:
        if str(call[2]).lstrip().startswith("SELECT"):
            seen.append(str(call[2]))

    event.listen(db.reader.sync_engine, "before_cursor_execute", remember)
    yield seen
    event.remove(db.reader.sync_engine, "before_cursor_execute", remember)
    direct.read = read


async def test_one_access_loads_the_relation_of_every_sibling(
    db: Database, reads: list[str]
) -> None:
    names: list[str | None] = []
    for book in await Book.order("id"):
        author = await loose(book).author
        names.append(author.name if author else None)
    assert names == ["ann", "bea", None, "ann", "bea", None]
    assert len(reads) == 2


async def test_a_missing_one_can_be_awaited_again_and_again(db: Database) -> None:
    (book,) = await Book.where(title="b2")
    for _ in range(3):
        assert await loose(book).author is None


async def test_what_is_loaded_can_be_awaited_too(db: Database) -> None:
    author = (await Book.where(title="b0").include("author"))[0].author
    assert author is not None
    assert await author is author
    (ann,) = await Author.where(name="ann").include("books")
    assert await loose(ann).books is ann.books


async def test_collections_self_references_and_links(db: Database, reads: list[str]) -> None:
    ann, bea = await Author.order("name")
    assert [book.title for book in await loose(ann).books] == ["b0", "b3"]
    assert [book.title for book in bea.books] == ["b1", "b4"]
    assert [pupil.name for pupil in await loose(ann).pupils] == ["bea"]
    assert (await loose(bea).mentor).name == "ann"
    assert len(reads) == 4


async def test_many_to_many(db: Database, reads: list[str]) -> None:
    red = await Tag.create(word="red")
    first, second, *_ = await Book.order("id")
    for book in (first, second):
        await Tagging.create(book_id=book.id, tag_id=red.id)
    reads.clear()
    books = await Book.order("id")
    assert [[tag.word for tag in await loose(book).tags] for book in books] == [
        ["red"],
        ["red"],
        [],
        [],
        [],
        [],
    ]
    assert len(reads) == 2
    assert [book.title async for book in loose(await Tag.get(red.id)).books] == ["b0", "b1"]


async def test_inside_a_transaction_its_own_writes_are_seen(db: Database) -> None:
    async with db.transaction():
        zoe = await Author.create(name="zoe")
        book = await Book.get((await Book.create(title="new", author_id=zoe.id)).id)
        assert (await loose(book).author).name == "zoe"


@pytest.mark.parametrize("use", ["name", "bool", "len", "iter", "item", "in"])
async def test_using_it_unloaded_says_what_to_do(db: Database, use: str) -> None:
    (book,) = await Book.where(title="b0")
    lazy = loose(book).author
    uses: dict[str, Callable[[], object]] = {
        "name": lambda: lazy.name,
        "bool": lambda: bool(lazy),
        "len": lambda: len(lazy),
        "iter": lambda: list(lazy),
        "item": lambda: lazy[0],
        "in": lambda: 1 in lazy,
    }
    with pytest.raises(NotLoaded, match=r'`await` it, or .*include\("author"\)'):
        uses[use]()
    assert repr(lazy) == "<Book.author, not loaded>"


async def test_a_new_object_has_nothing_to_load(db: Database) -> None:
    assert Book(title="x").author is None
    assert Author(name="x").books == []


async def test_load_is_the_typed_way(db: Database) -> None:
    (book,) = await Book.where(title="b0")
    await book.load("author", "tags")
    assert book.author is not None
    assert (book.author.name, book.tags) == ("ann", [])


async def test_a_row_can_be_changed_added_to_a_session_copied_and_pickled(db: Database) -> None:
    (book,) = await Book.where(title="b0")
    twin = copy.copy(book)
    assert twin == book
    await twin.update(title="changed")
    assert book.title == "b0"
    async with db.transaction() as session:
        session.add(book)
        book.title = "in the session"
    assert (await Book.get(book.id)).title == "in the session"
    again = pickle.loads(pickle.dumps(twin))
    await again.update(title="unpickled")
    assert (await Book.get(book.id)).title == "unpickled"
    assert again.model_dump() == {"id": book.id, "title": "unpickled", "author_id": book.author_id}
    assert again.model_fields_set == {"id", "title", "author_id"}
