"""Counters of parents stay right, whoever else moves the same rows, and objects shared by tasks."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from mizzen.orm import (
    Database,
    Field,
    Model,
    OrmError,
    Related,
    Relationship,
    Timestamps,
    after_commit,
    after_update,
)
from mizzen.orm.testing import scratch_models

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

with scratch_models() as MODELS:

    class Shelf(Timestamps, Model):
        name: str = ""
        jars_count: int = 0
        notes_count: int = 0
        jars: Related[Jar] = Relationship(back_populates="shelf")

    class Jar(Model):
        label: str = ""
        shelf_id: int | None = Field(default=None, foreign_key="shelfs.id")
        shelf: Shelf | None = Relationship(
            back_populates="jars", counter_cache="jars_count", touch=True
        )

        @after_update(if_changed="shelf_id")
        async def relabel(self) -> None:
            if self.label == "relabel me":
                await self.update(label="relabelled")

        @after_commit
        async def save_again(self) -> None:
            if self.label == "save me again":
                await self.update(label="saved again")

    class Remark(Model):
        about: Shelf | Jar = Relationship(polymorphic=True, counter_cache="notes_count")

    class Owner(Model):
        things: Related[Thing] = Relationship(back_populates="owner")

    class Thing(Model):
        number: int = Field(default=0, unique=True)
        owner_id: int | None = Field(default=None, foreign_key="owners.id")
        owner: Owner | None = Relationship(back_populates="things")


@pytest.fixture(
    params=[
        "sqlite",
        pytest.param("postgresql", marks=pytest.mark.extra("psycopg")),
        pytest.param("mariadb", marks=pytest.mark.extra("asyncmy")),
    ]
)
async def db(request: pytest.FixtureRequest) -> AsyncGenerator[Database]:
    fixtures = {"postgresql": "postgres_url", "mariadb": "mariadb_url"}
    fixture = fixtures.get(request.param)
    url = "memory:" if fixture is None else request.getfixturevalue(fixture)
    with MODELS:
        async with Database(url) as database:
            await database.create_all()
            yield database


async def counts(field: str = "jars_count") -> list[int]:
    return await Shelf.order("name").pluck(field)


async def two_shelves() -> tuple[Shelf, Shelf]:
    return await Shelf.create(name="a"), await Shelf.create(name="b")


async def test_a_save_without_changes_counts_nothing_and_touches_nobody(db: Database) -> None:
    one, other = await two_shelves()
    jar = await Jar.create(shelf=one)
    await jar.update(shelf_id=other.id)
    touched = (await Shelf.get(other.id)).updated_at
    await jar.save()
    await jar.save()
    assert await counts() == [0, 1]
    assert (await Shelf.get(other.id)).updated_at == touched


async def test_a_jar_that_another_has_moved_is_counted_where_it_was(db: Database) -> None:
    one, other = await two_shelves()
    jar = await Jar.create(shelf=one)
    older, oldest = await Jar.get(jar.id), await Jar.get(jar.id)
    await jar.update(shelf_id=other.id)
    await older.update(shelf_id=None)  # it still says that it stands on the first
    assert await counts() == [0, 0]
    await jar.update(shelf_id=None)
    await jar.update(shelf_id=other.id)
    await oldest.destroy()
    assert await counts() == [0, 0]


async def test_a_remark_that_another_has_moved_is_counted_where_it_was(db: Database) -> None:
    one, other = await two_shelves()
    remark = await Remark.create(about=one)
    older = await Remark.get(remark.id)
    await remark.update(about=other)
    await older.update(about=await Jar.create())
    assert await counts("notes_count") == [0, 0]


async def test_a_move_inside_a_transaction_is_counted_once(db: Database) -> None:
    one, other = await two_shelves()
    async with db.transaction():
        jar = await Jar.create(shelf=one)
        await jar.update(shelf=other)
        await jar.update(label="x")
    assert await counts() == [0, 1]


async def test_a_callback_that_saves_again_leaves_the_counting_whole(db: Database) -> None:
    one, other = await two_shelves()
    jar = await Jar.create(label="relabel me", shelf=one)
    await jar.update(shelf_id=other.id)
    assert jar.label == "relabelled"
    assert await counts() == [0, 1]


async def test_a_move_that_failed_and_was_given_up_counts_nothing(db: Database) -> None:
    one, other = await two_shelves()
    jar = await Jar.create(shelf=one)
    with pytest.raises(RuntimeError):
        async with db.transaction():
            await jar.update(shelf_id=other.id)
            raise RuntimeError
    await jar.reload()
    await jar.update(label="stays")
    assert await counts() == [1, 0]


async def test_tasks_move_the_same_jars_to_and_fro(db: Database) -> None:
    shelves = await two_shelves()
    jars = [await Jar.create(shelf=shelves[0]) for _ in range(4)]

    async def move(number: int) -> None:
        jar = await Jar.get(jars[number % 4].id)
        async for attempt in db.attempts(tries=50):  # for MariaDB, whose keys lock parents
            async with attempt:
                await jar.update(shelf_id=shelves[number % 2].id if number % 3 else None)

    await asyncio.gather(*(move(number) for number in range(24)))
    assert await counts() == [await Jar.where(shelf_id=shelf.id).count() for shelf in shelves]


async def test_tasks_create_rows_of_one_parent_object(db: Database) -> None:
    shelf = await Shelf.create(name="a")
    await asyncio.gather(*(Jar.create(label=str(n), shelf=shelf) for n in range(30)))
    assert await Jar.where(shelf_id=shelf.id).count() == shelf.jars_count == 30
    assert await counts() == [30]
    jars, other = await Jar.all(), await Shelf.create(name="b")
    await asyncio.gather(*(jar.update(shelf=other) for jar in jars))
    assert await counts() == [0, 30]


async def test_tasks_save_what_hangs_together(db: Database) -> None:
    owner = await Owner.create()
    made = await asyncio.gather(*(Thing.create(number=n, owner=owner) for n in range(50)))
    assert not any(thing.is_new for thing in made)
    assert await Thing.where(owner=owner).count() == 50
    found = await Thing.all().include("owner")

    async def add(thing: Any) -> None:
        thing.number += 1000
        await thing.save()

    await asyncio.gather(*map(add, found))
    assert await Thing.where(number__gte=1000).count() == 50


async def test_tasks_save_one_object(db: Database) -> None:
    jar = await Jar.create(label="0")

    async def relabel(label: str) -> None:
        jar.label = label
        await jar.save()

    await asyncio.gather(*(relabel(str(n)) for n in range(30)))
    assert not jar.changes
    assert (await Jar.get(jar.id)).label == jar.label


async def test_a_callback_after_the_commit_may_save_the_object(db: Database) -> None:
    jar = await asyncio.wait_for(Jar.create(label="save me again"), 20)
    assert (await Jar.get(jar.id)).label == "saved again"


async def test_a_cancelled_save_gives_its_turn_on(db: Database) -> None:
    owner = await Owner.create()
    tasks = [asyncio.create_task(Thing.create(number=n, owner=owner)) for n in range(20)]
    await asyncio.sleep(0)
    for task in tasks[::2]:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert not any(task.cancelled() for task in tasks[1::2])
    assert all(not task.result().is_new for task in tasks[1::2])
    await asyncio.wait_for(Thing.create(number=99, owner=owner), 20)


async def test_a_row_that_its_parent_holds_another_object_of_is_written(db: Database) -> None:
    owner = await Owner.create()
    things = [await Thing.create(number=n, owner=owner) for n in range(3)]
    held = list(await owner.things)
    assert held == things
    assert held[0] is not things[0]
    await things[0].update(number=10)
    await things[1].destroy()
    async with db.transaction():
        await things[2].update(number=12)
    assert await Thing.order("number").pluck("number") == [10, 12]
    again = await Owner.where(id=owner.id).include("things").one()
    await things[0].update(owner=again, number=20)
    assert await Thing.where(owner=again).order("number").pluck("number") == [12, 20]


async def test_two_objects_of_a_row_that_were_both_changed_are_refused(db: Database) -> None:
    owner = await Owner.create()
    thing = await Thing.create(number=1, owner=owner)
    (held,) = await owner.things
    held.number = 2
    thing.number = 3
    with pytest.raises(OrmError, match="two objects of one Thing are saved together"):
        await thing.save()
    assert await Thing.all().pluck("number") == [1]


async def test_a_parent_goes_on_after_one_of_its_rows_was_destroyed(db: Database) -> None:
    owner = await Owner.create()
    for number in range(3):
        await Thing.create(number=number, owner=owner)
    held = list(await owner.things)
    await held[0].destroy()
    await Thing.create(number=7, owner=owner)
    await held[1].update(number=8)
    assert await Thing.order("number").pluck("number") == [2, 7, 8]
    await owner.save()
    assert len(owner.things) == 3


async def test_a_destroyed_parent_is_not_referred_to(db: Database) -> None:
    owner = await Owner.create()
    await owner.destroy()
    with pytest.raises(OrmError):
        await Thing.create(owner=owner)
    assert await Thing.count() == 0
