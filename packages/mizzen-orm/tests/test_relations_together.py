"""Relations beside what else a model can be: soft deleted, of a family, strict, of a tenant."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
import sqlmodel

from mizzen.orm import (
    Database,
    Field,
    Model,
    NotLoaded,
    Related,
    Relationship,
    SoftDelete,
    TenantKey,
    tenant,
)
from mizzen.orm.testing import scratch_models

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

with scratch_models() as MODELS:

    class Person(Model):
        name: str
        seats: Related[Seat] = Relationship(back_populates="person")
        groups: Related[Group] = Relationship(through="seats")
        labels: Related[Label] = Relationship(as_="on")

    class Group(SoftDelete, Model):
        name: str
        seats_count: int = 0

    class Seat(SoftDelete, Model):
        person_id: int = Field(foreign_key="persons.id")
        group_id: int = Field(foreign_key="groups.id")
        person: Person = Relationship(back_populates="seats")
        group: Group = Relationship(counter_cache="seats_count")

    class Animal(Model, discriminator="kind"):
        name: str
        labels: Related[Label] = Relationship(as_="on")

    class Dog(Animal):
        puppies_count: int = 0
        puppies: Related[Puppy] = Relationship(back_populates="mother", dependent="destroy")

    class Whale(Animal, joined=True):
        length: float = 0.0

    class Puppy(Model):
        mother_id: int | None = Field(default=None, foreign_key="animals.id")
        mother: Dog | None = Relationship(back_populates="puppies", counter_cache="puppies_count")

    class Label(Model):
        text: str
        on: Animal | Person = Relationship(polymorphic=True)

    class Entry(Model, discriminator="kind"):
        text: str = ""

    class Comment(Entry):
        about: Animal | Person | None = Relationship(polymorphic=True)

    class Shop(Model):
        name: str
        owner: int = TenantKey()
        stock: Related[Stock] = Relationship()
        goods: Related[Good] = Relationship(through="stock")

    class Good(Model):
        name: str
        owner: int = TenantKey()

    class Stock(Model):
        owner: int = TenantKey()
        shop_id: int = Field(foreign_key="shops.id")
        good_id: int = Field(foreign_key="goods.id")
        good: Good = Relationship()

    class Plain(Model):
        name: str
        parts: list[Part] = sqlmodel.Relationship(back_populates="plain")

    class Part(Model):
        plain_id: int | None = Field(default=None, foreign_key="plains.id")
        plain: Plain | None = sqlmodel.Relationship(back_populates="parts")


@pytest.fixture
async def db(database_url: str, anyio_backend: object) -> AsyncGenerator[Database]:
    with MODELS:
        async with Database(database_url) as database:
            await database.create_all()
            yield database


def names(rows: Any) -> list[str]:
    return sorted(row.name for row in rows)


def loose(value: object) -> Any:
    """Return *value* for the checkers to leave alone: awaiting `Author | None` is beyond them."""
    return value


async def test_deleted_rows_are_hidden_on_the_way_and_at_its_end(db: Database) -> None:
    ann = await Person.create(name="ann")
    chess, choir = await Group.create(name="chess"), await Group.create(name="choir")
    await ann.groups.add(chess, choir)
    await (await Seat.where(group=choir).one()).destroy()
    ann = await Person.get(ann.id)
    assert names(await ann.groups) == names(await ann.groups.where()) == ["chess"]
    assert names((await Person.all().include("groups"))[0].groups) == ["chess"]
    assert await Person.where(groups__name="choir").count() == 0
    assert await Group.order("name").pluck("seats_count") == [1, 0]
    await ann.groups.add(choir)  # anew
    assert names(await (await Person.get(ann.id)).groups) == ["chess", "choir"]
    await (await Group.get(chess.id)).destroy()
    assert names(await (await Person.get(ann.id)).groups) == ["choir"]
    assert names((await Person.all().include("groups"))[0].groups) == ["choir"]


async def test_a_family_is_referred_to_by_its_base(db: Database) -> None:
    rex, moby = await Dog.create(name="rex"), await Whale.create(name="moby", length=3)
    ann = await Person.create(name="ann")
    for text, one in (("a", rex), ("b", moby), ("c", ann)):
        await Label.create(text=text, on=one)
    found = await Label.order("text").include("on")
    assert [type(label.on) for label in found] == [Dog, Whale, Person]
    assert [(await loose(label.on)).name for label in await Label.order("text")] == [
        "rex",
        "moby",
        "ann",
    ]
    assert [loose(label).on_type for label in found] == ["Animal", "Animal", "Person"]
    assert await Label.where(on=moby).count() == 1
    assert [label.text for label in await (await Whale.get(moby.id)).labels] == ["b"]
    assert [len(animal.labels) for animal in await Animal.all().include("labels")] == [1, 1]


async def test_an_heir_has_relations_and_rules_of_its_own(db: Database) -> None:
    rex = await Dog.create(name="rex")
    await rex.puppies.create()
    assert (await Dog.get(rex.id)).puppies_count == 1
    ann = await Person.create(name="ann")
    comment = await Comment.create(about=ann)
    assert (await Comment.all().include("about"))[0].about == ann
    (entry,) = await Entry.all()
    assert isinstance(entry, Comment)
    assert await loose(entry).about == ann
    assert await Comment.where(about=ann).one() == comment
    await (await Dog.get(rex.id)).destroy()
    assert await Puppy.all().count() == 0


async def test_strict_reads_refuse_to_load_later(db: Database) -> None:
    await Label.create(text="a", on=await Person.create(name="ann"))
    (label,) = await Label.all().strict_loading()
    with pytest.raises(NotLoaded):
        _ = label.on
    with pytest.raises(NotLoaded):
        await label.load("on")
    (person,) = await Person.all().strict_loading()
    with pytest.raises(NotLoaded):
        _ = person.groups


async def test_a_way_stays_with_its_tenant(db: Database) -> None:
    with tenant(1):
        shop = await Shop.create(name="one")
        await shop.goods.add(await Good.create(name="tea"))
    with tenant(2):
        other = await Shop.create(name="two")
        await other.goods.add(await Good.create(name="rum"))
        assert names(await (await Shop.get(other.id)).goods) == ["rum"]
        assert names((await Shop.all().include("goods"))[0].goods) == ["rum"]
        assert await Shop.where(goods__name="tea").count() == 0
        assert await shop.goods.where().count() == 0


async def test_one_link_is_made_by_many_at_once(db: Database) -> None:
    ann = await Person.create(name="ann")
    groups = [await Group.create(name=f"g{n}") for n in range(3)]
    await asyncio.gather(*(ann.groups.add(group) for group in groups))
    assert sorted(await Group.all().pluck("seats_count")) == [1, 1, 1]


async def test_sqlmodels_own_relationship_is_one(db: Database) -> None:
    plain = await Plain.create(name="x", parts=[Part(), Part()])
    (found,) = await Plain.all().include("parts.plain")
    assert [part.plain for part in found.parts] == [plain, plain]
    assert await Part.where(plain=plain).count() == 2
