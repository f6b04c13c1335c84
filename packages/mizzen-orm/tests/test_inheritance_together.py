"""Families of models beside relations, searches, pages, bulk writes, migrations and copies."""

from __future__ import annotations

import copy
import pickle
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import func, text

from mizzen.orm import (
    ConfigurationError,
    Database,
    Field,
    Invalid,
    Model,
    NotFound,
    NotLoaded,
    Relationship,
    SearchIndex,
    Timestamps,
    UnknownName,
)
from mizzen.orm.testing import scratch_models

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

MODELS = scratch_models()

with MODELS:

    class Person(Model):
        name: str
        items: list[Item] = Relationship(back_populates="owner", foreign_key="owner_id")
        films: list[Film] = Relationship(back_populates="director", foreign_key="director_id")

    class Described(Model, table=False):
        title: str = Field(min_length=1, description="shown in lists")

    class Lent(Model, table=False):
        days: int = 14

    class Item(Timestamps, Described, Model, discriminator="kind"):
        owner_id: int | None = Field(default=None, foreign_key="persons.id", ondelete="SET NULL")
        owner: Person | None = Relationship(back_populates="items", foreign_key="owner_id")
        parts: list[Part] = Relationship(back_populates="item")
        search = SearchIndex("title")

        @property
        def label(self) -> str:
            return f"{type(self).__name__}: {self.title}"

    class Book(Lent, Item):
        pages: int = Field(default=0, ge=0)
        isbn: str | None = Field(default=None, unique=True)

    class Film(Item, joined=True):
        minutes: int = 90
        director_id: int | None = Field(default=None, foreign_key="persons.id")
        director: Person | None = Relationship(back_populates="films", foreign_key="director_id")

    class Short(Film):
        festival: str = ""

    class Series(Film, joined=True):
        seasons: int = 1

    class Part(Model):
        name: str
        item_id: int | None = Field(default=None, foreign_key="items.id", ondelete="CASCADE")
        item: Item | None = Relationship(back_populates="parts")


@pytest.fixture
async def db(database_url: str, anyio_backend: object) -> AsyncGenerator[Database]:
    with MODELS:
        async with Database(database_url) as database:
            await database.create_all()
            yield database


async def shelf() -> Person:
    ann = await Person.create(name="ann")
    await Item.create(title="a box", owner=ann)
    await Book.create(title="a book of loops", pages=300, owner=ann)
    await Film.create(title="a film", minutes=100, director=ann)
    await Short.create(title="a short loop", minutes=9, festival="cannes", owner=ann)
    await Series.create(title="a series", minutes=50, seasons=4)
    return ann


async def loaded(relation: Any) -> Any:
    return await relation


def kinds(rows: Any) -> list[str]:
    return [type(row).__name__ for row in rows]


async def test_mixed_in_fields_and_methods_come_along(db: Database) -> None:
    await shelf()
    (book,) = await Book.all()
    assert (book.days, book.label) == (14, "Book: a book of loops")
    assert book.created_at is not None
    before = book.updated_at
    await book.update(pages=301)
    assert (await Book.get(book.id)).updated_at > before
    (short,) = await Short.all()
    assert (short.minutes, short.festival, short.label) == (9, "cannes", "Short: a short loop")


async def test_every_read_is_of_the_right_class(db: Database) -> None:
    await shelf()
    everything = ["Item", "Book", "Film", "Short", "Series"]
    assert kinds(await Item.order("id")) == everything
    assert kinds(await Film.order("id")) == everything[2:]
    assert kinds((await Item.order("id").page(2, size=2)).rows) == ["Film", "Short"]
    batches = [kinds(batch) async for batch in Item.all().in_batches(2)]
    assert batches == [["Item", "Book"], ["Film", "Short"], ["Series"]]
    seen: list[str] = []
    cursor = None
    while True:
        part = await Item.order("-title").after(cursor, size=2)
        seen += kinds(part)
        cursor = part.next
        if cursor is None:
            break
    assert seen == ["Short", "Series", "Film", "Item", "Book"]
    first, last = await Item.order("id").first(), await Item.order("-id").first()
    assert kinds([first, last]) == ["Item", "Series"]
    assert kinds([await Item.where(title="a short loop").one()]) == ["Short"]
    assert kinds(await Item.raw("SELECT * FROM items WHERE title = :t", t="a box")) == ["Item"]
    async with db.transaction():
        assert kinds(await Item.order("id").with_lock()) == everything
        assert kinds(await Film.order("id")) == everything[2:]
    async with db.session():
        assert kinds(await Item.order("id")) == everything


async def test_fields_of_heirs_are_asked_sorted_and_counted(db: Database) -> None:
    await shelf()
    assert await Film.where(minutes__lt=60).order("-minutes").pluck("title") == [
        "a series",
        "a short loop",
    ]
    assert await Series.where(seasons=4, minutes=50).order("title").pluck("seasons", "title") == [
        (4, "a series")
    ]
    assert await Item.where(Film.minutes > 60).pluck("title") == ["a film"]
    assert await Item.where(Book.pages > 60).pluck("title") == ["a book of loops"]
    assert [row.total for row in await Film.select(total=func.sum(Film.minutes))] == [159]
    counted = await Item.group("kind").annotate(total=func.count()).order("kind")
    assert [tuple(row) for row in counted] == [
        ("Book", 1),
        ("Film", 1),
        ("Item", 1),
        ("Series", 1),
        ("Short", 1),
    ]
    assert (await Film.all().count(), await Short.all().count()) == (3, 1)
    with pytest.raises(UnknownName, match="Item has no field 'pages'"):
        Item.where(pages=3)
    with pytest.raises(UnknownName, match="Book has no field 'minutes'"):
        await Book.all().pluck("minutes")


async def test_partial_rows_say_what_is_missing(db: Database) -> None:
    await shelf()
    (book,) = await Book.only("title")
    with pytest.raises(NotLoaded, match=r"Book\.pages was not loaded"):
        assert book.pages
    await book.reload()
    assert book.pages == 300
    for found in await Film.defer("minutes").order("id"):
        with pytest.raises(NotLoaded, match=r"\.minutes was not loaded"):
            assert found.minutes


async def test_relations_to_the_base_hold_every_heir(db: Database) -> None:
    ann = await shelf()
    (found,) = await Person.include("items", "films")
    assert sorted(kinds(found.items)) == ["Book", "Item", "Short"]
    assert kinds(found.films) == ["Film"]
    assert sorted(kinds(await loaded(ann.items))) == ["Book", "Item", "Short"]
    assert [person.name for person in await Person.where(items__title="a box")] == ["ann"]
    assert [person.name for person in await Person.where(films__minutes=100)] == ["ann"]
    assert await Person.where(films__minutes=9).count() == 0


async def test_relations_of_base_and_heir_are_loaded(db: Database) -> None:
    await shelf()
    film = await Film.where(title="a film").one()
    assert (await loaded(film.director)).name == "ann"
    assert await loaded(film.owner) is None
    short = await Short.include("owner", "director").one()
    assert short.owner is not None
    assert (short.owner.name, short.director) == ("ann", None)
    for item in await Item.include("owner").order("id"):
        assert item.owner is None or item.owner.name == "ann"
    assert [film.title for film in await Film.join("director").where(Person.name == "ann")] == [
        "a film"
    ]
    await Part.create(name="reel", item=film)
    (part,) = await Part.include("item.owner")
    assert type(part.item) is Film
    assert type(await loaded((await Part.all().one()).item)) is Film
    assert [part.name for part in await loaded(film.parts)] == ["reel"]


async def test_writes_of_one_row(db: Database) -> None:
    series = await Series.create(title="s", seasons=2)
    with pytest.raises(Invalid, match="title: String should have"):
        await series.update(title="", seasons=3)
    assert series.seasons == 2
    await series.update(title="t", minutes=10, seasons=3)
    found = await Item.get(series.id)
    assert isinstance(found, Series)
    assert (found.title, found.minutes, found.seasons) == ("t", 10, 3)
    with pytest.raises(Invalid):
        found.kind = "Film"
    await found.destroy()
    with pytest.raises(NotFound):
        await series.reload()
    assert (await Item.all().count(), await Film.all().count()) == (0, 0)


async def test_a_rolled_back_family_is_new_again(db: Database) -> None:
    series, book = Series(title="s"), Book(title="b")
    with pytest.raises(KeyError):
        async with db.transaction():
            await series.save()
            await book.save()
            raise KeyError
    assert await Item.all().count() == 0
    await series.save()
    await book.save()
    async with db.transaction():
        await book.update(pages=3)
        with pytest.raises(KeyError):
            async with db.transaction():
                await series.update(seasons=8)
                raise KeyError
    assert (await Book.get(book.id)).pages == 3
    assert (await Series.get(series.id)).seasons == 1


async def test_bulk_inserts_of_heirs(db: Database) -> None:
    books = await Book.insert_all({"title": f"b{n}", "pages": n} for n in range(3))
    series = await Series.insert_all([{"title": "s", "minutes": 5, "seasons": 2}, {"title": "t"}])
    films = await Film.insert_all([Film(title="f", minutes=7)])
    assert await Item.order("id").pluck("title") == ["b0", "b1", "b2", "s", "t", "f"]
    assert kinds(await Item.order("id")) == ["Book"] * 3 + ["Series"] * 2 + ["Film"]
    assert [row.id for row in (*books, *series, *films)] == await Item.order("id").pluck("id")
    assert await Series.order("id").pluck("minutes", "seasons") == [(5, 2), (90, 1)]
    await books[0].update(pages=9)
    await series[0].update(seasons=3)
    assert (await Series.get(series[0].id)).seasons == 3


async def test_bulk_changes_of_a_family(db: Database) -> None:
    await shelf()
    assert await Book.where(pages__gt=1).update_all(pages=1, title="b") == 1
    assert await Item.where(title__startswith="a").update_all(title="x") == 4
    with pytest.raises(ConfigurationError, match="Film lies in items and films"):
        await Film.all().update_all(minutes=3)
    with pytest.raises(ConfigurationError, match="those of Item in bulk"):
        await Short.where(title="x").delete_all()
    with pytest.raises(ConfigurationError, match="one by one"):
        await Series.upsert_all([{"title": "a"}], on=["id"])
    with pytest.raises(ConfigurationError, match="one by one"):
        await Series.all().insert_all([{"title": "a"}], ignore=True)
    assert await Item.where(id__in=Film.where(minutes__lt=60)).delete_all() == 2
    assert kinds(await Item.order("id")) == ["Item", "Book", "Film"]
    assert await Item.all().limit(1).delete_all() == 1
    async with db.session():
        assert [row[0] for row in await db.sql("SELECT count(*) FROM serieses")] == [0]


async def test_rows_of_one_table_are_upserted(db: Database) -> None:
    made = await Book.upsert_all([{"title": "a", "isbn": "1"}], on=["isbn"])
    again = await Book.upsert_all([{"title": "b", "isbn": "1"}], on=["isbn"])
    assert kinds(again) == ["Book"]
    assert (again[0].id, again[0].title) == (made[0].id, "b")
    assert (await Book.find_or_create({"title": "c"}, isbn="1")).id == made[0].id
    assert (await Book.find_or_create({"title": "c"}, isbn="2")).title == "c"


async def test_a_search_finds_the_family_or_a_part_of_it(db: Database) -> None:
    await shelf()
    assert sorted(kinds(await Item.matching("loop*"))) == ["Book", "Short"]
    assert kinds(await Book.matching("loop*")) == ["Book"]
    assert kinds(await Film.matching("loop").where(minutes=9)) == ["Short"]
    (hit,) = await Film.matching("loop").hits()
    assert hit.highlights["title"] == "a short <mark>loop</mark>"


async def test_copies_and_pickles_keep_class_and_row(db: Database) -> None:
    await shelf()
    for found in (await Item.order("id"))[1:]:
        for other in (copy.copy(found), copy.deepcopy(found), pickle.loads(pickle.dumps(found))):
            assert type(other) is type(found)
            assert other == found
            assert other.model_dump() == found.model_dump()
            await other.update(title="again")
            assert (await Item.get(found.id)).title == "again"
    new = copy.copy(Series(title="new", seasons=3))
    await new.save()
    assert (await Series.get(new.id)).seasons == 3


async def test_a_row_of_a_class_that_is_not_there_is_explained(db: Database) -> None:
    await shelf()
    async with db.transaction() as session:
        await session.execute(text("UPDATE items SET kind = 'Opera' WHERE kind = 'Item'"))
    with pytest.raises(ConfigurationError, match="'Opera'"):
        await Item.all()
    with pytest.raises(ConfigurationError, match="'Opera'"):
        await Item.first()


async def test_migrations_agree_with_the_family(database_url: str, tmp_path: Path) -> None:
    with MODELS:
        async with Database(database_url) as db:
            migrations = db.migrations(tmp_path)
            await migrations.make("family")
            await migrations.up()
            assert await migrations.make("nothing") is None
            await Series.create(title="s")
            assert kinds(await Item.all()) == ["Series"]
            await migrations.down()
            await migrations.up()
            assert await Item.all().count() == 0


async def test_an_heir_defined_after_a_query_is_read_by_the_same_database(
    mizzen_models: None, database_url: str
) -> None:
    async with Database(database_url) as db:

        class Shape(Model, discriminator="kind"):
            name: str = ""

        class Circle(Shape):
            radius: int = 0

        await db.create_all()
        await Circle.create(radius=2)
        (held,) = await Shape.order("id")
        assert isinstance(held, Circle)

        class Ring(Shape, joined=True):
            inner: int = 0

        await db.create_all()
        await Ring.create(inner=1)
        circle, ring = await Shape.order("id")
        assert isinstance(circle, Circle)
        assert isinstance(ring, Ring)
        assert (circle.radius, ring.inner) == (2, 1)
        await held.update(name="old")
        assert (await Shape.get(held.id)).name == "old"


async def test_a_family_with_a_key_of_two_columns(mizzen_models: None, database_url: str) -> None:
    class Doc(Model, discriminator="kind"):
        site: str = Field(primary_key=True, max_length=20)
        number: int = Field(primary_key=True)
        title: str = ""

    class Letter(Doc, joined=True):
        to: str = ""

    class Note(Doc):
        mood: str = ""

    async with Database(database_url) as db:
        await db.create_all()
        await Letter.create(site="a", number=1, to="ann")
        await Note.create(site="a", number=2, mood="glad")
        await Letter.insert_all([{"site": "b", "number": 1, "to": "bea"}])
        letter = await Doc.get(("a", 1))
        assert isinstance(letter, Letter)
        assert letter.to == "ann"
        await letter.update(title="t", to="bob")
        assert await Letter.order("site").pluck("title", "to") == [("t", "bob"), ("", "bea")]
        await letter.destroy()
        assert kinds(await Doc.order("number")) == ["Letter", "Note"]
