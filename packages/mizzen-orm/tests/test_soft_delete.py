"""Soft delete: marked rows are hidden on every path, and come back; on SQLite and PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import func, select

from mizzen.orm import (
    Database,
    Field,
    Model,
    NotFound,
    NotUnique,
    Query,
    Relationship,
    SearchIndex,
    SoftDelete,
    Timestamps,
    UnknownName,
    after_destroy,
    before_destroy,
    default_scope,
)
from mizzen.orm.testing import scratch_models

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

MODELS = scratch_models()
told: list[str] = []

with MODELS:

    class Shelf(Timestamps, SoftDelete, Model):
        name: str = Field(unique=True)
        boxes: list[Box] = Relationship(back_populates="shelf", cascade_delete=True)
        notes: list[Jotting] = Relationship(back_populates="shelf")

        @before_destroy
        def say_before(self) -> None:
            told.append(f"before {self.name}")

        @after_destroy
        def say_after(self) -> None:
            told.append(f"after {self.name}")

    class Box(SoftDelete, Model):
        label: str
        shelf_id: int | None = Field(default=None, foreign_key="shelfs.id", ondelete="CASCADE")
        shelf: Shelf | None = Relationship(back_populates="boxes")
        coins: list[Coin] = Relationship(back_populates="box", cascade_delete=True)

    class Coin(SoftDelete, Model):
        value: int
        box_id: int | None = Field(default=None, foreign_key="boxes.id", ondelete="CASCADE")
        box: Box | None = Relationship(back_populates="coins")

    class Jotting(SoftDelete, Model):
        text: str
        lock_version: int = 1
        shelf_id: int | None = Field(default=None, foreign_key="shelfs.id", ondelete="SET NULL")
        shelf: Shelf | None = Relationship(back_populates="notes")
        search = SearchIndex("text")

        @default_scope
        @staticmethod
        def public(query: Query[Jotting]) -> Query[Jotting]:
            return query.where_not(text="secret")


@pytest.fixture
async def db(database_url: str, anyio_backend: object) -> AsyncGenerator[Database]:
    told.clear()
    with MODELS:
        async with Database(database_url) as database:
            await database.create_all()
            yield database


@pytest.fixture
async def empty(database_url: str, anyio_backend: object) -> AsyncGenerator[Database]:
    """Return a database without tables."""
    with MODELS:
        async with Database(database_url) as database:
            yield database


async def two() -> tuple[Shelf, Shelf]:
    """Return a shelf that stays and one that is destroyed; each with a box and a note."""
    stays, goes = await Shelf.create(name="stays"), await Shelf.create(name="goes")
    for shelf in (stays, goes):
        box = await Box.create(label=shelf.name, shelf_id=shelf.id)
        await Coin.create(value=1, box_id=box.id)
        await Jotting.create(text=f"about {shelf.name}", shelf_id=shelf.id)
    await goes.destroy()
    return stays, goes


async def test_a_destroyed_row_is_hidden_on_every_read(db: Database) -> None:
    _, goes = await two()
    assert goes.deleted_at is not None
    with pytest.raises(NotFound):
        await Shelf.get(goes.id)
    assert await Shelf.find(goes.id) is None
    assert await Shelf.find_by(name="goes") is None
    assert [each.name for each in await Shelf.all()] == ["stays"]
    assert [each.name async for each in Shelf.all()] == ["stays"]
    assert [[each.name for each in part] async for part in Shelf.all().in_batches(1)] == [["stays"]]
    assert await Shelf.count() == 1
    assert not await Shelf.exists(name="goes")
    assert await Shelf.all().pluck("name") == ["stays"]
    assert await Shelf.all().max("id") != goes.id
    assert [row.name for row in await Shelf.select("name")] == ["stays"]
    assert [row.n for row in await Shelf.group("name").annotate(n=func.count())] == [1]
    assert (await Shelf.all().page()).total == 1
    assert len(await Shelf.order("name").after(size=5)) == 1
    assert await Shelf.all().only("name").first() is not None
    with pytest.raises(NotFound):
        await goes.reload()


async def test_a_destroyed_row_is_hidden_across_relations(db: Database) -> None:
    stays, goes = await two()
    kept = await Jotting.where(text__contains="goes").one()
    assert await loose(kept.shelf) is None
    notes = await Jotting.order("id").include("shelf")
    assert [None if one.shelf is None else one.shelf.name for one in notes] == ["stays", None]
    assert await Jotting.where(shelf__name="goes").count() == 0
    assert await Jotting.where(shelf__name="goes") == []
    assert await Jotting.join(Shelf).where(Shelf.name == "goes") == []
    assert await Shelf.where(boxes__label="goes").count() == 0
    assert await Jotting.where(shelf_id__in=Shelf.where()).pluck("text") == ["about stays"]
    assert await Jotting.where(loose(Jotting.shelf).has(Shelf.name == "goes")).all() == []
    (box,) = await Box.all()
    await box.destroy()
    assert [one.boxes for one in await Shelf.all().include("boxes.coins")] == [[]]
    assert await loose((await Shelf.get(stays.id)).boxes) == []
    async with db.transaction() as session:
        assert [one.boxes for one in await Shelf.all().include("boxes")] == [[]]
        assert len((await session.scalars(select(Shelf))).all()) == 1
        assert await session.scalar(select(func.count()).select_from(Box)) == 0
        assert await session.get(Shelf, goes.id) is None


async def test_search_finds_no_destroyed_row(db: Database) -> None:
    await two()
    (found,) = await Jotting.matching("goes")
    await found.destroy()
    assert await Jotting.matching("goes") == []
    assert await Jotting.matching("goes").hits() == []
    assert await Jotting.matching("about").count() == 1


async def test_bulk_changes_leave_destroyed_rows_alone(db: Database) -> None:
    _, goes = await two()
    assert await Shelf.all().update_all(name="new") == 1
    assert await Shelf.where(id=goes.id).update_all(name="new") == 0
    assert await Shelf.order("id").limit(5).update_all(name="newer") == 1
    assert [one.name for one in await Shelf.only_deleted()] == ["goes"]


async def test_with_deleted_and_only_deleted(db: Database) -> None:
    _, goes = await two()
    assert await Shelf.with_deleted().count() == 2
    assert (await Shelf.with_deleted().get(goes.id)).name == "goes"
    assert await Shelf.only_deleted().pluck("name") == ["goes"]
    assert await Shelf.only_deleted().exists()
    assert [one.name async for one in Shelf.with_deleted().order("name")] == ["goes", "stays"]
    assert len(await Shelf.where(name="goes").with_deleted()) == 1
    assert await Shelf.with_deleted().max("id") == goes.id
    assert len(await Shelf.with_deleted().select("name")) == 2
    assert await Shelf.only_deleted().update_all(name="gone") == 1
    inner = Shelf.with_deleted().where(name="gone").select("id")
    assert await Jotting.where(shelf_id__in=inner).pluck("text") == ["about goes"]
    async with db.transaction():
        assert len(await Shelf.with_deleted()) == 2
    with pytest.raises(UnknownName, match="no SoftDelete"):
        Query(Plain).with_deleted()


async def test_what_it_cascades_to_goes_and_comes_back_with_it(db: Database) -> None:
    _, goes = await two()
    boxes = await Box.only_deleted()
    assert [(box.label, box.deleted_at) for box in boxes] == [("goes", goes.deleted_at)]
    assert await Coin.only_deleted().pluck("deleted_at") == [goes.deleted_at]
    assert await Jotting.count() == 2  # no cascade_delete
    extra = await Box.create(label="earlier", shelf_id=goes.id)
    await extra.destroy()
    await goes.restore()
    assert goes.deleted_at is None
    assert await Shelf.count() == 2
    assert await Coin.count() == 2
    assert await Box.only_deleted().pluck("label") == ["earlier"]
    assert await goes.restore() is goes


async def test_destroy_callbacks_run(db: Database) -> None:
    _, goes = await two()
    assert told == ["before goes", "after goes"]
    await goes.restore()
    await goes.destroy(hard=True)
    assert told[2:] == ["before goes", "after goes"]
    assert await Shelf.with_deleted().count() == 1
    assert await Box.with_deleted().count() == 1


async def test_a_row_is_destroyed_once(db: Database) -> None:
    _, goes = await two()
    with pytest.raises(NotFound):
        await goes.destroy()
    with pytest.raises(NotFound):
        await Shelf(name="new").destroy()
    await goes.destroy(hard=True)
    assert await Shelf.with_deleted().find(goes.id) is None


async def test_a_failed_transaction_unmarks(db: Database) -> None:
    shelf = await Shelf.create(name="a")
    await Box.create(label="b", shelf_id=shelf.id)

    async def fail() -> None:
        async with db.transaction():
            await shelf.destroy()
            assert await Shelf.count() == 0
            raise KeyError

    with pytest.raises(KeyError):
        await fail()
    assert shelf.deleted_at is None
    assert (await Shelf.count(), await Box.count()) == (1, 1)
    await shelf.update(name="b")
    assert await Shelf.exists(name="b")
    async with db.transaction():
        with pytest.raises(KeyError):
            await fail()
        assert await Shelf.count() == 1


async def test_delete_all_marks_unless_hard(db: Database) -> None:
    await two()
    assert await Box.all().delete_all() == 1
    assert await Box.all().delete_all() == 0
    assert (await Box.count(), await Box.with_deleted().count()) == (0, 2)
    assert await Box.all().delete_all(hard=True) == 0
    assert await Box.only_deleted().where(label="goes").delete_all(hard=True) == 1
    assert await Box.with_deleted().limit(3).delete_all(hard=True) == 1
    assert await Jotting.matching("stays").delete_all() == 1


async def test_a_name_can_be_used_again(db: Database) -> None:
    _, goes = await two()
    with pytest.raises(NotUnique):
        await Shelf.create(name="stays")
    again = await Shelf.create(name="goes")
    with pytest.raises(NotUnique):
        await goes.restore()
    await again.destroy()
    assert (await Shelf.only_deleted().where(name="goes").count()) == 2


async def test_upserts_see_the_living_only(db: Database) -> None:
    stays, goes = await two()
    made = await Shelf.upsert_all([{"name": "goes"}, {"name": "stays"}], on=["name"])
    assert [one.name for one in made] == ["goes", "stays"]
    assert made[0].id not in {stays.id, goes.id}
    assert made[1].id == stays.id
    with pytest.raises(NotUnique, match="deleted"):
        await Shelf.upsert_all([{"id": goes.id, "name": "back"}], on=["id"])
    assert (await Shelf.with_deleted().get(goes.id)).name == "goes"
    assert (await Shelf.all().find_or_create(name="goes")).id == made[0].id
    assert await Shelf.all().insert_all([{"name": "stays"}, {"name": "x"}], ignore=True)


async def test_a_destroyed_row_counts_its_version(db: Database) -> None:
    note = await Jotting.create(text="a")
    old = await Jotting.get(note.id)
    await note.destroy()
    assert note.lock_version == 2
    await note.restore()
    assert (await Jotting.get(note.id)).lock_version == 3
    with pytest.raises(Exception, match="changed"):
        await old.update(text="b")


async def test_a_default_scope_holds_where_a_relation_leads(db: Database) -> None:
    stays, _ = await two()
    await Jotting.create(text="secret", shelf_id=stays.id)
    assert await Shelf.where(notes__text="secret").count() == 0
    assert await Shelf.where(notes__text="about stays").count() == 1
    assert await Shelf.join("notes").count() == 1
    assert [len(one.notes) for one in await Shelf.all().include("notes")] == [1]
    assert len(await loose((await Shelf.get(stays.id)).notes)) == 1
    async with db.transaction():
        assert [len(one.notes) for one in await Shelf.all().include("notes")] == [1]
        assert len(await loose((await Shelf.get(stays.id)).notes)) == 1
    assert await Jotting.unscoped().count() == 3


async def test_migrations_make_the_partial_indexes(empty: Database, tmp_path: Path) -> None:
    migrations = empty.migrations(tmp_path)
    await migrations.make("first")
    await migrations.up()
    assert await migrations.make("again") is None
    first = await Shelf.create(name="a")
    await first.destroy()
    await Shelf.create(name="a")
    with pytest.raises(NotUnique):
        await Shelf.create(name="a")
    await migrations.down()
    await migrations.up()
    assert await migrations.make("again") is None


async def test_a_model_becomes_a_soft_delete(empty: Database, tmp_path: Path) -> None:
    migrations = empty.migrations(tmp_path)
    with scratch_models():
        cup = plain_cup()
        await migrations.make("first")
        await migrations.up()
        await cup.create(name="a", code="b")
    with scratch_models():
        cup = soft_cup()
        await migrations.make("marks")
        await migrations.up()
        assert await migrations.make("again") is None
        await (await cup.where(name="a").one()).destroy()
        again = await cup.create(name="a", code="b")
        with pytest.raises(NotUnique):
            await cup.create(name="other", code="b")
        await again.destroy(hard=True)
        await migrations.down()
        await migrations.up()
        assert await migrations.make("again") is None


def plain_cup() -> type[Any]:
    class Cup(Model):
        name: str = Field(unique=True)
        code: str = Field(unique=True, index=True)

    return Cup


def soft_cup() -> type[Any]:
    class Cup(SoftDelete, Model):
        name: str = Field(unique=True)
        code: str = Field(unique=True, index=True)

    return Cup


def loose(value: object) -> Any:
    """Return *value* for the checkers to leave alone: awaiting `Shelf | None` is beyond them."""
    return value


with MODELS:

    class Plain(Model):
        name: str
