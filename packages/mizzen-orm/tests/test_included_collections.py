"""Collections that came along with `include`: plain lists to read, SQLAlchemy's when changed."""

from __future__ import annotations

import copy
import gc
import pickle
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import inspect

from mizzen.orm import Database, Field, Model, NotLoaded, Relationship
from mizzen.orm.testing import assert_queries, scratch_models

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

with scratch_models() as MODELS:

    class Shelf(Model):
        name: str
        books: list[Book] = Relationship(back_populates="shelf", cascade_delete=True)

    class Book(Model):
        title: str
        shelf_id: int | None = Field(default=None, foreign_key="shelfs.id", ondelete="CASCADE")
        shelf: Shelf | None = Relationship(back_populates="books")


@pytest.fixture
async def db(database_url: str, anyio_backend: object) -> AsyncGenerator[Database]:
    with MODELS:
        async with Database(database_url) as database:
            await database.create_all()
            for name in ("a", "b", "empty"):
                await Shelf.create(name=name)
            await Book.insert_all({"title": f"t{n}", "shelf_id": n % 2 + 1} for n in range(6))
            yield database


async def shelf(number: int = 0) -> Any:
    return (await Shelf.order("id").include("books"))[number]


async def titles() -> dict[str, int | None]:
    return {book.title: book.shelf_id for book in await Book.order("id")}


@pytest.fixture
async def first(db: Database) -> Any:
    return await shelf()


async def test_rows_are_in_order_and_each_with_its_own(db: Database) -> None:
    shelves = await Shelf.order("-id").include("books")
    found = [[book.title for book in each.books] for each in shelves]
    assert found == [[], ["t1", "t3", "t5"], ["t0", "t2", "t4"]]


async def test_reading_makes_no_state(first: Any) -> None:
    assert [book.title for book in first.books] == ["t0", "t2", "t4"]
    assert first.books[0] in list(first.books)
    assert "_sa_instance_state" not in vars(first)


async def test_what_is_appended_knows_it_and_is_saved(first: Any) -> None:
    made: Any = Book(title="new")
    first.books.append(made)
    assert made.shelf is first
    assert inspect(first).attrs.books.history.added == [made]
    await first.save()
    assert (await titles())["new"] == first.id


async def test_what_is_removed_is_deleted_with_the_next_save(first: Any) -> None:
    first.books.remove(first.books[1])
    await first.save()
    assert sorted(await titles()) == ["t0", "t1", "t3", "t4", "t5"]


async def test_an_assigned_list_takes_the_place_of_the_loaded_one(first: Any) -> None:
    old = first.books
    first.books = [old[0], Book(title="other")]
    await first.save()
    assert sorted(await titles()) == ["other", "t0", "t1", "t3", "t5"]
    assert len(old) == 3


async def test_a_row_that_moves_leaves_the_list_it_was_in(db: Database) -> None:
    shelves = await Shelf.order("id").include("books")
    one, other = shelves[0], shelves[1]
    moved = one.books[0]
    other.books.append(moved)
    assert moved not in one.books
    await other.save()
    assert (await titles())["t0"] == other.id


async def test_a_deleted_owner_takes_its_rows_along(first: Any) -> None:
    await first.destroy()
    assert sorted(await titles()) == ["t1", "t3", "t5"]


async def test_a_session_takes_it(db: Database, first: Any) -> None:
    async with db.transaction() as session:
        session.add(first)
        first.books[0].title = "renamed"
        first.books.append(Book(title="new"))
    assert {"renamed", "new"} <= set(await titles())


async def test_a_session_merges_it(db: Database, first: Any) -> None:
    async with db.transaction() as session:
        merged = await session.merge(first)
        assert merged is not first
        assert [book.title for book in merged.books] == ["t0", "t2", "t4"]
        merged.books.pop()
    assert "t4" not in await titles()


async def test_a_session_refreshes_it(db: Database, first: Any) -> None:
    await Book.create(title="late", shelf_id=first.id)
    async with db.transaction() as session:
        session.add(first)
        await session.refresh(first, ["books"])
        assert [book.title for book in first.books][-1] == "late"


async def test_an_expired_list_is_told_from_the_new_one(db: Database, first: Any) -> None:
    old = first.books
    async with db.transaction() as session:
        session.add(first)
        session.expire(first, ["books"])
        with pytest.warns(match="invalidated"):
            old.append(Book(title="lost"))


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
async def test_it_is_pickled_with_its_rows(first: Any, protocol: int) -> None:
    again = pickle.loads(pickle.dumps(first, protocol))
    assert again == first
    assert [book.title for book in again.books] == ["t0", "t2", "t4"]
    again.books.append(Book(title="new"))
    await again.save()
    assert (await titles())["new"] == first.id


async def test_copies_keep_apart(first: Any) -> None:
    deep = copy.deepcopy(first)
    deep.books.append(Book(title="new"))
    assert len(first.books) == 3
    assert [book is other for book, other in zip(first.books, deep.books, strict=False)] == [
        False
    ] * 3
    await deep.save()
    assert (await titles())["new"] == first.id


async def test_the_rows_of_a_collection_hold_its_object(db: Database) -> None:
    books = (await shelf()).books
    gc.collect()
    books.append(Book(title="new"))
    await books[0].shelf.save()
    assert "new" in await titles()


async def test_an_empty_collection_of_an_object_that_nobody_holds_is_no_place_to_add_to(
    db: Database,
) -> None:
    books = (await shelf(2)).books
    gc.collect()
    with pytest.raises(NotLoaded, match="object is gone"):
        books.append(Book(title="lost"))
    with pytest.raises(NotLoaded, match="object is gone"):
        await books.add(Book(title="lost"))
    assert list(books) == []


async def test_an_object_that_has_a_state_gets_its_collection_too(db: Database) -> None:
    found: Any = await Shelf.get(1)
    found.name = "changed"
    books = await found.books
    books.append(Book(title="new"))
    await found.save()
    assert (await Shelf.get(found.id)).name == "changed"
    assert (await titles())["new"] == found.id


async def test_included_rows_know_the_one_they_came_with(db: Database) -> None:
    shelves = await Shelf.order("id").include("books")
    with assert_queries(0):
        for each in shelves:
            for book in each.books:
                assert book.shelf is each


async def test_strict_rows_know_the_one_they_came_with(db: Database) -> None:
    for each in await Shelf.order("id").include("books").strict_loading():
        for book in each.books:
            assert book.shelf is each
