"""Collections: links between two models or within one, trees, and what `await` does to them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from mizzen.orm import (
    ConfigurationError,
    ConstraintFailed,
    Database,
    Field,
    Invalid,
    Model,
    NotFound,
    NotLoaded,
    Related,
    Relationship,
    UnknownName,
    after_create,
)
from mizzen.orm.testing import scratch_models

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

with scratch_models() as MODELS:

    class Tagging(Model):
        book_id: int | None = Field(default=None, foreign_key="books.id", primary_key=True)
        tag_id: int | None = Field(default=None, foreign_key="tags.id", primary_key=True)

    class Tag(Model):
        word: str
        books: Related[Book] = Relationship(back_populates="tags", link_model=Tagging)

    class Book(Model):
        title: str
        tags: Related[Tag] = Relationship(back_populates="books", link_model=Tagging)
        author_id: int | None = Field(default=None, foreign_key="users.id")
        editor_id: int | None = Field(default=None, foreign_key="users.id")
        author: User | None = Relationship(back_populates="written", foreign_key="author_id")
        editor: User | None = Relationship(back_populates="edited", foreign_key="editor_id")

    class Following(Model):
        fan_id: int = Field(foreign_key="users.id", primary_key=True)
        star_id: int = Field(foreign_key="users.id", primary_key=True)
        note: str = "none"

        @after_create
        def mark(self) -> None:
            SEEN.append((self.fan_id, self.star_id))

    class User(Model):
        name: str
        written: Related[Book] = Relationship(back_populates="author", foreign_key="author_id")
        edited: Related[Book] = Relationship(back_populates="editor", foreign_key="editor_id")
        stars: Related[User] = Relationship(
            back_populates="fans", link_model=Following, foreign_key="fan_id"
        )
        fans: Related[User] = Relationship(
            back_populates="stars", link_model=Following, foreign_key="star_id"
        )

    class Node(Model):
        name: str
        parent_id: int | None = Field(default=None, foreign_key="nodes.id")
        parent: Node | None = Relationship(back_populates="children")
        children: Related[Node] = Relationship(back_populates="parent")

    class Page(Model):
        number: int
        chapter_id: int = Field(foreign_key="chapters.id")
        chapter: Chapter = Relationship(back_populates="pages")

    class Chapter(Model):
        pages: Related[Page] = Relationship(back_populates="chapter")


SEEN: list[tuple[int, int]] = []


@pytest.fixture
async def db(database_url: str, anyio_backend: object) -> AsyncGenerator[Database]:
    with MODELS:
        async with Database(database_url) as database:
            await database.create_all()
            yield database


@pytest.fixture
async def book(db: Database) -> Book:
    return await Book.get((await Book.create(title="b")).id)


def words(rows: Any) -> list[str]:
    return sorted(row.word for row in rows)


def names(rows: Any) -> list[str]:
    return sorted(row.name for row in rows)


def loose(value: object) -> Any:
    """Return *value* for the checkers to leave alone: awaiting `Author | None` is beyond them."""
    return value


async def test_links_are_written_without_loading_the_collection(book: Book) -> None:
    red, blue = await Tag.create(word="red"), await Tag.create(word="blue")
    await book.tags.add(red, blue)
    await book.tags.add(red)  # once more is no error
    assert "tags" not in vars(book)
    assert await Tagging.where(book_id=book.id).count() == 2
    await book.tags.discard(red)
    await book.tags.discard(red)
    assert words(await book.tags) == ["blue"]
    await book.tags.replace([red])
    assert words(await (await Book.get(book.id)).tags) == ["red"]
    await book.tags.replace([])
    assert await Tagging.all().count() == 0


async def test_what_is_loaded_follows_on_both_sides(book: Book) -> None:
    red, blue = await Tag.create(word="red"), await Tag.create(word="blue")
    red = await Tag.get(red.id)
    await red.load("books")
    await book.load("tags")
    await book.tags.add(red, blue)
    assert (words(book.tags), red.books) == (["blue", "red"], [book])
    await book.update(title="saved with nothing left to write")
    await book.tags.discard(red)
    assert (words(book.tags), red.books) == (["blue"], [])
    await book.save()
    assert words(await (await Book.get(book.id)).tags) == ["blue"]


async def test_the_list_can_be_changed_and_saved_as_ever(book: Book) -> None:
    red, blue = await Tag.create(word="red"), await Tag.create(word="blue")
    await book.load("tags")
    book.tags.append(red)
    await book.save()
    await book.update(tags=[blue])
    assert words(await (await Book.get(book.id)).tags) == ["blue"]
    book.tags.remove(blue)
    await book.tags.add(red)  # beside a change that is not saved yet
    await book.save()
    assert words(await (await Book.get(book.id)).tags) == ["red"]
    new = await Book.create(title="c", tags=[red, Tag(word="green")])
    assert words(await (await Book.get(new.id)).tags) == ["green", "red"]


async def test_new_rows_are_saved_and_created(book: Book) -> None:
    await book.tags.add(Tag(word="new"))
    made = await book.tags.create(word="made")
    assert made.id is not None
    assert words(await book.tags.where(word__contains="a")) == ["made"]
    assert words(await book.tags.where().order("-word").limit(1)) == ["new"]
    assert await book.tags.where(word="made").update_all(word="remade") == 1
    assert words(await book.tags) == ["new", "remade"]


async def test_links_go_with_the_row_as_sqlmodel_says(book: Book) -> None:
    await book.tags.create(word="red")
    await (await Book.get(book.id)).destroy()
    assert await Tagging.all().count() == 0
    assert await Tag.all().count() == 1


async def test_a_transaction_takes_all_of_it_back(db: Database, book: Book) -> None:
    red = await Tag.create(word="red")
    with pytest.raises(ZeroDivisionError):
        async with db.transaction():
            again = await Book.get(book.id)
            await again.tags.add(red)
            assert words(await again.tags) == ["red"]
            await again.save()
            _ = 1 / 0
    assert words(await book.tags) == []
    async with db.transaction():
        again = await Book.get(book.id)
        await again.load("tags")
        await again.tags.add(red)
    assert words(await (await Book.get(book.id)).tags) == ["red"]


async def test_what_does_not_belong_is_refused(book: Book) -> None:
    with pytest.raises(Invalid, match=r"Book\.tags takes Tag objects, not Book"):
        await book.tags.add(loose(book))
    new = Book(title="new")
    with pytest.raises(NotFound, match="never saved"):
        await new.tags.add(await Tag.create(word="x"))
    tags = (await Book.where(id=book.id).include("tags"))[0].tags
    with pytest.raises(NotLoaded, match="object is gone: keep it in a variable"):
        await tags.create(word="y")
    with pytest.raises(UnknownName, match=r"Book\.author is one row, not a collection: assign it"):
        await loose(book).author.add(await User.create(name="ann"))


async def test_rows_with_keys_of_their_own(db: Database, book: Book) -> None:
    ann = await User.create(name="ann")
    ann = await User.get(ann.id)
    await ann.edited.add(book)
    again = await Book.get(book.id)
    assert (again.editor_id, again.author_id) == (ann.id, None)
    made = await ann.written.create(title="made")
    assert await loose(made).author == ann
    assert [row.title for row in await ann.edited.where(title="b")] == ["b"]
    await ann.edited.discard(book)
    assert (await Book.get(book.id)).editor_id is None
    chapter = await Chapter.create()
    page = await chapter.pages.create(number=1)
    with pytest.raises(Invalid, match=r"Page\.chapter_id can't be empty: destroy the row"):
        await chapter.pages.discard(page)
    assert await Page.where(chapter_id=chapter.id).count() == 1


async def test_two_references_to_one_model_are_told_apart(db: Database) -> None:
    ann, bea = await User.create(name="ann"), await User.create(name="bea")
    await Book.create(title="x", author=ann, editor=bea)
    found = (await Book.all().include("author", "editor"))[0]
    assert (found.author, found.editor) == (ann, bea)
    people = await User.order("name").include("written", "edited")
    assert [(len(one.written), len(one.edited)) for one in people] == [(1, 0), (0, 1)]
    assert names(await User.where(edited__title="x")) == ["bea"]


async def test_links_between_rows_of_one_table(db: Database) -> None:
    SEEN.clear()
    ann, bea, cleo = [await User.create(name=name) for name in ("ann", "bea", "cleo")]
    ann = await User.get(ann.id)
    await ann.stars.add(bea, cleo)
    assert sorted(SEEN) == [(ann.id, bea.id), (ann.id, cleo.id)]  # the link's callbacks ran
    await ann.fans.add(cleo)
    people = await User.order("name").include("stars.stars", "fans")
    assert [names(one.stars) for one in people] == [["bea", "cleo"], [], ["ann"]]
    assert [names(one.fans) for one in people] == [["cleo"], ["ann"], ["ann"]]
    assert names(people[0].stars[1].stars) == ["ann"]
    assert names(await User.where(stars__name="ann")) == ["cleo"]
    await ann.stars.discard(cleo)
    assert names(await ann.stars) == ["bea"]


async def test_a_tree_needs_no_remote_side(db: Database) -> None:
    root = await Node.create(name="root")
    for name in ("a", "b"):
        branch = await Node.create(name=name, parent=root)
        await branch.children.create(name=f"{name}1")
    (found,) = await Node.where(parent=None).include("children.children.parent.parent")
    assert names(found.children) == ["a", "b"]
    assert [names(each.children) for each in found.children] == [["a1"], ["b1"]]
    leaf = found.children[0].children[0]
    assert leaf.parent is not None
    assert leaf.parent.parent == root
    assert names(await Node.where(parent__parent__name="root")) == ["a1", "b1"]
    assert names(await Node.where(children__name="b1")) == ["b"]
    leaves = await Node.where(name__endswith="1").order("name")
    assert [(await loose(each).parent).name for each in leaves] == ["a", "b"]
    async with db.transaction():
        (found,) = await Node.where(parent=None).include("children.children")
        assert [names(each.children) for each in found.children] == [["a1"], ["b1"]]


async def test_a_given_object_fills_a_required_key(db: Database) -> None:
    chapter = await Chapter.create()
    page = await Page.create(number=1, chapter=chapter)
    assert (page.chapter_id, page.chapter) == (chapter.id, chapter)
    with pytest.raises(ConstraintFailed):
        await Page.create(number=2, chapter_id=999)
    with pytest.raises(Invalid, match="chapter_id: Field required"):
        Page(**loose({"number": 3, "chapter": Chapter()}))


async def test_lookups_take_objects(db: Database) -> None:
    ann, bea = await User.create(name="ann"), await User.create(name="bea")
    book = await Book.create(title="x", author=ann)
    await Book.create(title="y")
    assert [row.title for row in await Book.where(author=ann)] == ["x"]
    assert [row.title for row in await Book.where(author__in=[ann, bea])] == ["x"]
    assert [row.title for row in await Book.where(author=None)] == ["y"]
    assert [row.title for row in await Book.where(author__isnull=False)] == ["x"]
    assert [row.title for row in await Book.where(author__ne=ann)] == ["y"]
    assert names(await User.where(written=book)) == ["ann"]
    with pytest.raises(Invalid, match="the look-up author takes a User or None, not Book"):
        Book.where(author=book)
    with pytest.raises(Invalid, match="takes a saved User"):
        Book.where(author=User(name="new"))


async def test_a_link_within_one_table_says_which_side_is_which() -> None:
    with scratch_models():

        class Bond(Model):
            one_id: int = Field(foreign_key="atoms.id", primary_key=True)
            other_id: int = Field(foreign_key="atoms.id", primary_key=True)

        class Atom(Model):
            bonded: list[Atom] = Relationship(link_model=Bond, foreign_key="nothing")

        with pytest.raises(ConfigurationError, match="Bond has no field 'nothing'"):
            Atom.include("bonded")
