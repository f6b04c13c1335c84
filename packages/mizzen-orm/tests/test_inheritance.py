"""Families of models in one table or several: who is read, written, found and counted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import text

from mizzen.orm import ConfigurationError, Database, Field, Invalid, Model, Relationship
from mizzen.orm.testing import scratch_models

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

MODELS = scratch_models()

with MODELS:

    class Keeper(Model):
        name: str
        animals: list[Animal] = Relationship(back_populates="keeper")

    class Animal(Model, discriminator="kind"):
        name: str = Field(min_length=1)
        legs: int = 4
        keeper_id: int | None = Field(default=None, foreign_key="keepers.id")
        keeper: Keeper | None = Relationship(back_populates="animals")

    class Dog(Animal):
        breed: str = "mutt"

    class Puppy(Dog):
        weeks: int = 1

    class Whale(Animal, joined=True, identity="w"):
        length: float = 0.0


@pytest.fixture
async def db(database_url: str, anyio_backend: object) -> AsyncGenerator[Database]:
    with MODELS:
        async with Database(database_url) as database:
            await database.create_all()
            yield database


async def everybody() -> None:
    await Animal.create(name="amy")
    await Dog.create(name="dan", breed="pug")
    await Puppy.create(name="pip", breed="lab", weeks=3)
    await Whale.create(name="wal", legs=0, length=9.5)


async def test_the_base_gives_objects_of_their_classes(db: Database) -> None:
    await everybody()
    found = await Animal.order("id")
    assert [type(animal) for animal in found] == [Animal, Dog, Puppy, Whale]
    dog, puppy, whale = found[1:]
    assert isinstance(dog, Dog)
    assert isinstance(puppy, Puppy)
    assert isinstance(whale, Whale)
    assert (dog.breed, puppy.breed, puppy.weeks, whale.length) == ("pug", "lab", 3, 9.5)
    assert await Animal.order("id").pluck("kind") == ["Animal", "Dog", "Puppy", "w"]
    assert found[1].model_dump()["kind"] == "Dog"


async def test_a_class_gives_its_own_and_its_heirs(db: Database) -> None:
    await everybody()
    assert await Dog.order("id").pluck("name") == ["dan", "pip"]
    assert await Puppy.all().count() == 1
    assert await Whale.where(length__gt=9).count() == 1
    assert await Dog.where(legs=4, breed="pug").exists()
    assert [type(dog) for dog in await Dog.order("-id")] == [Puppy, Dog]
    assert await Dog.find(1) is None
    assert type(await Animal.get(4)) is Whale
    assert [type(animal) async for animal in Animal.order("id")] == [Animal, Dog, Puppy, Whale]


async def test_where_the_columns_are(db: Database) -> None:
    await everybody()
    async with db.session() as session:
        rows = await session.execute(text("SELECT kind, breed, weeks FROM animals ORDER BY id"))
        assert [tuple(row) for row in rows] == [
            ("Animal", None, None),
            ("Dog", "pug", None),
            ("Puppy", "lab", 3),
            ("w", None, None),
        ]
        assert await session.scalar(text("SELECT length FROM whales")) == 9.5


async def test_changes_are_saved(db: Database) -> None:
    await everybody()
    whale = await Whale.all().one()
    await whale.update(name="moby", length=20.0)
    puppy = await Puppy.all().one()
    puppy.breed = "lab mix"
    await puppy.save()
    again = await Animal.get(whale.id)
    assert isinstance(again, Whale)
    assert (again.name, again.length) == ("moby", 20.0)
    assert (await Dog.get(puppy.id)).breed == "lab mix"
    await whale.reload()
    assert whale.length == 20.0


async def test_destroying_one_takes_its_parts(db: Database) -> None:
    await everybody()
    await (await Whale.all().one()).destroy()
    await (await Puppy.all().one()).destroy()
    assert await Animal.order("id").pluck("name") == ["amy", "dan"]
    async with db.session() as session:
        assert await session.scalar(text("SELECT count(*) FROM whales")) == 0


async def test_bulk_methods_keep_to_their_class(db: Database) -> None:
    await everybody()
    await Dog.insert_all([{"name": "a"}, {"name": "b", "breed": "x"}])
    assert await Dog.all().count() == 4
    assert await Puppy.all().update_all(legs=3) == 1
    assert await Animal.where(legs=3).pluck("name") == ["pip"]
    assert await Dog.where(name__in=["a", "amy"]).delete_all() == 1
    assert await Animal.all().count() == 5


async def test_relations_hold_the_whole_family(db: Database) -> None:
    keeper = await Keeper.create(name="kim")
    await Dog.create(name="dan", keeper=keeper)
    await Whale.create(name="wal", keeper_id=keeper.id)
    (found,) = await Keeper.all().include("animals")
    assert sorted(type(animal).__name__ for animal in found.animals) == ["Dog", "Whale"]
    lazy: Any = (await Dog.all().one()).keeper
    assert await lazy == keeper
    (dog,) = await Dog.include("keeper")
    assert dog.keeper is not None
    assert dog.keeper.name == "kim"


async def test_an_heir_defined_after_a_query_is_read_too(mizzen_models: None) -> None:
    class Shape(Model, discriminator="kind"):
        name: str = ""

    class Circle(Shape):
        radius: int = 0

    async with Database() as first:
        await first.create_all()
        await Circle.create(radius=2)
        assert [type(shape) for shape in await Shape.all()] == [Circle]

    class Ring(Circle):
        inner: int = 0

    async with Database() as second:
        await second.create_all()
        await Ring.create(radius=2, inner=1)
        (ring,) = await Shape.all()
        assert isinstance(ring, Ring)
        assert (ring.radius, ring.inner) == (2, 1)


def test_fields_and_rules_are_inherited() -> None:
    with MODELS:
        assert set(Puppy.model_fields) == {
            *("id", "kind", "name", "legs", "keeper_id", "breed", "weeks")
        }
        assert Dog(name="x").legs == 4
        with pytest.raises(Invalid, match="name: String should have"):
            Dog(name="")
        with pytest.raises(Invalid, match="name: Field required"):
            Puppy()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


def test_an_object_keeps_its_kind() -> None:
    with MODELS:
        dog: Any = Dog(name="dan")
        assert dog.kind == "Dog"
        with pytest.raises(Invalid, match="kind: Input should be 'Dog'"):
            dog.kind = "w"
        with pytest.raises(Invalid, match="kind: Input should be 'Dog'"):
            Dog.model_validate({"name": "dan", "kind": "Animal"})


def test_what_can_not_be_inherited_is_refused() -> None:
    with scratch_models():

        class Plain(Model):
            name: str

        class Root(Model, discriminator="kind"):
            name: str

        with pytest.raises(ConfigurationError, match="says nothing of heirs"):

            class A(Plain):  # pyright: ignore[reportUnusedClass]
                pass

        with pytest.raises(ConfigurationError, match="has this column already"):

            class B(Root):  # pyright: ignore[reportUnusedClass]
                name: str = "b"

        with pytest.raises(ConfigurationError, match="has a discriminator"):

            class C(Root, discriminator="other"):  # pyright: ignore[reportUnusedClass]
                pass

        with pytest.raises(ConfigurationError, match="has the identity 'Root'"):

            class D(Root, identity="Root"):  # pyright: ignore[reportUnusedClass]
                pass

        with pytest.raises(ConfigurationError, match="needs discriminator"):

            class E(Model, joined=True):  # pyright: ignore[reportUnusedClass]
                pass


async def test_cells_run_again_replace_heirs_and_bases(mizzen_models: None) -> None:
    scope: dict[str, Any] = {"__name__": "__main__"}
    exec("from mizzen.orm import Field, Model, Relationship", scope)
    keeper = (
        "class Keeper(Model):\n    name: str\n"
        "    pets: list['Pet'] = Relationship(back_populates='keeper')"
    )
    base = (
        "class Pet(Model, discriminator='kind'):\n    name: str = ''\n"
        "    keeper_id: int | None = Field(default=None, foreign_key='keepers.id')\n"
        "    keeper: Keeper | None = Relationship(back_populates='pets')"
    )
    cat = "class Cat(Pet):\n    lives: int = Field(default=9, index=True)"
    lion = "class Lion(Cat):\n    mane: bool = True"
    fish = "class Fish(Pet, joined=True):\n    depth: int = 0\n    lives: int = 1"
    for cell in (keeper, base, cat, lion, fish):
        exec(cell, scope)
    old_lion = scope["Lion"]
    for cell in (cat, lion, lion, fish, base, cat, lion, fish, keeper, cat.replace("9", "7")):
        exec(cell, scope)
    with pytest.raises(ConfigurationError, match="inherits from Cat, which was defined again"):
        scope["Lion"].where()
    exec(lion, scope)
    with pytest.raises(ConfigurationError, match="Lion was defined again"):
        old_lion.where()
    async with Database() as db:
        await db.create_all()
        await scope["Lion"].create(name="leo")
        await scope["Fish"].create(name="nemo", depth=3)
        keeper_made = await scope["Keeper"].create(name="kim")
        await scope["Cat"].create(name="tom", keeper=keeper_made)
        found = await scope["Pet"].order("id")
        assert [type(pet) for pet in found] == [scope["Lion"], scope["Fish"], scope["Cat"]]
        assert (found[0].mane, found[0].lives, found[1].depth, found[2].lives) == (True, 7, 3, 7)
        assert (await found[2].keeper).name == "kim"
        assert not hasattr(scope["Pet"], "lives")
        assert [pet.name for pet in await keeper_made.pets] == ["tom"]


async def test_siblings_share_a_column_of_one_name_and_type(mizzen_models: None) -> None:
    class Post(Model, discriminator="kind"):
        title: str = ""

    class Photo(Post):
        width: int = 0

    class Video(Post):
        width: int = 1

    with pytest.raises(ConfigurationError, match="of this name and another type"):
        type("Text", (Post,), {"__annotations__": {"width": str}})
    async with Database() as db:
        await db.create_all()
        await Photo.create(width=5)
        await Video.create()
        assert await Photo.all().pluck("width") == [5]
        assert await Video.all().pluck("width") == [1]


def test_an_heirs_column_does_not_follow_updates_of_the_table() -> None:
    from mizzen.orm import Timestamps

    with scratch_models():

        class Root(Model, discriminator="kind"):
            name: str = ""

        with pytest.raises(ConfigurationError, match="declare it on Root"):

            class Leaf(Timestamps, Root):  # pyright: ignore[reportUnusedClass]
                pass


def test_rows_in_several_tables_are_not_changed_in_bulk() -> None:
    from mizzen.orm._models.family import refuse_bulk

    with MODELS:
        refuse_bulk(Animal)
        refuse_bulk(Puppy)
        with pytest.raises(ConfigurationError, match="Whale lies in animals and whales"):
            refuse_bulk(Whale)


def test_what_was_registered_on_an_heir_outlives_its_base(mizzen_models: None) -> None:
    from mizzen.orm._models.callbacks import callbacks_of

    scope: dict[str, Any] = {"__name__": "__main__"}
    exec("from mizzen.orm import Model", scope)
    base = "class Pet(Model, discriminator='kind'):\n    name: str = ''"
    cat = "class Cat(Pet):\n    lives: int = 9"
    exec(base, scope)
    exec(cat, scope)
    scope["Cat"].on("after_save", print)
    old = scope["Pet"]
    exec(base, scope)
    with pytest.raises(ConfigurationError, match="Pet was defined again: use the new class"):
        type("Dog", (old,), {})
    exec(cat, scope)
    assert callbacks_of(scope["Cat"]).has("after_save")
    assert not callbacks_of(scope["Pet"]).has("after_save")


async def test_a_column_that_an_heir_no_longer_has_is_gone(mizzen_models: None) -> None:
    scope: dict[str, Any] = {"__name__": "__main__"}
    exec("from mizzen.orm import Field, Model", scope)
    exec("class Pet(Model, discriminator='kind'):\n    name: str = ''", scope)
    exec("class Cat(Pet):\n    live: int = Field(default=9, index=True, unique=True)", scope)
    exec("class Cat(Pet):\n    lives: int = Field(default=9, foreign_key='pets.id')", scope)
    exec("class Cat(Pet):\n    lives: int = 8", scope)
    async with Database() as db:
        await db.create_all()
        await scope["Cat"].create(name="tom")
        columns = [row.name for row in await db.sql("PRAGMA table_info(pets)")]
        assert columns == ["id", "name", "kind", "lives"]
        assert await scope["Cat"].all().pluck("lives") == [8]
