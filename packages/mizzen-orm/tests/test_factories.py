"""Factories make valid objects, and only what a test is about is said."""

from __future__ import annotations

import enum
import uuid  # noqa: TC003  (the models need it)
from datetime import date, datetime, time, timedelta  # noqa: TC003
from decimal import Decimal  # noqa: TC003
from typing import TYPE_CHECKING, Annotated, Any, Literal, assert_type

import pytest
from pydantic import BaseModel

from mizzen.orm import (
    ConfigurationError,
    Database,
    Field,
    Invalid,
    Model,
    Relationship,
    UnknownName,
    before_create,
)
from mizzen.orm.testing import Factory, lazy, sandbox, scratch_models, sequence, sub, trait

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator


class Size(enum.Enum):
    SMALL = "s"
    LARGE = "l"


class Address(BaseModel):
    street: str
    number: int = Field(ge=1)
    note: str | None = None


with scratch_models() as MODELS:

    class Baker(Model):
        name: str = Field(unique=True, min_length=3)
        loaves: list[Loaf] = Relationship(back_populates="baker")

    class Loaf(Model):
        title: str
        slug: str = ""
        stars: int = 0
        tags: list[str] = Field(default_factory=list)
        baker_id: int = Field(foreign_key="bakers.id")
        baker: Baker | None = Relationship(back_populates="loaves")
        seen: bool = False

        @before_create
        def mark(self) -> None:
            self.seen = True

    class Crumb(Model):
        loaf_id: int = Field(foreign_key="loafs.id")

    class Every(Model):
        text: str
        short: str = Field(max_length=3, unique=True)
        long: str = Field(min_length=30)
        word: str = Field(regex="^[a-z]{4}$")
        digits: str = Field(regex=r"^\d{3}-\d{4}$")
        whole: int = Field(gt=10, lt=20)
        even: int = Field(ge=100, multiple_of=7)
        real: float = Field(gt=0, lt=1)
        exact: Decimal = Field(max_digits=5, decimal_places=2, ge=1.5)
        day: date
        moment: datetime
        clock: time
        span: timedelta
        key: uuid.UUID
        blob: bytes
        yes: bool
        size: Size
        kind: Literal["a", "b"]
        address: Address
        data: dict[str, Any]
        words: Annotated[list[str], Field(min_length=0)]
        maybe: int | None

    class Person(Model):
        boss_id: int = Field(foreign_key="persons.id")


class BakerFactory(Factory[Baker]):
    name = sequence("Baker {n}")


class LoafFactory(Factory[Loaf]):
    title = sequence("Loaf {n}")
    slug = lazy(lambda loaf: loaf.title.lower().replace(" ", "-"))
    tags = ["fresh"]  # noqa: RUF012
    baker = sub(BakerFactory)

    popular = trait(stars=100, slug=lazy(lambda loaf: f"top-{loaf.stars}"))
    old = trait(tags=[])


class RyeFactory(LoafFactory):
    title = sequence(lambda n: f"Rye {n * 10}")


@pytest.fixture
async def db(database_url: str, anyio_backend: object) -> AsyncGenerator[Database]:
    with MODELS:
        async with Database(database_url) as database:
            await database.create_all()
            for factory in (BakerFactory, LoafFactory, RyeFactory):
                factory.restart()
            yield database


async def test_objects_are_saved_with_what_they_need(db: Database) -> None:
    loaf = await LoafFactory.create(stars=3)
    assert_type(loaf, Loaf)
    assert (loaf.title, loaf.slug, loaf.stars, loaf.tags) == ("Loaf 1", "loaf-1", 3, ["fresh"])
    assert loaf.seen
    found = await Loaf.where(id=loaf.id).include("baker").one()
    assert found.baker is not None
    assert found.baker.name == "Baker 1"


async def test_built_objects_are_new_with_new_relations(db: Database) -> None:
    loaf = LoafFactory.build(title="X")
    assert_type(loaf, Loaf)
    assert (loaf.id, loaf.slug) == (None, "x")
    assert loaf.baker is not None
    assert loaf.baker.id is None
    assert await Loaf.all().count() == 0
    loaf.tags.append("y")
    assert LoafFactory.build().tags == ["fresh"]
    assert [one.title for one in LoafFactory.build_many(2)] == ["Loaf 3", "Loaf 4"]


async def test_many_are_made_one_after_the_other(db: Database) -> None:
    baker = await BakerFactory.create()
    loaves = await LoafFactory.create_many(3, baker=baker)
    assert [loaf.title for loaf in loaves] == ["Loaf 1", "Loaf 2", "Loaf 3"]
    assert await Loaf.where(baker_id=baker.id).count() == 3
    assert await Baker.all().count() == 1


async def test_a_key_may_be_given_in_place_of_the_relation(db: Database) -> None:
    class ByKey(Factory[Loaf]):
        title = "plain"
        baker_id = sub(BakerFactory, name="by key")

    loaf = await ByKey.create()
    assert (await Baker.get(loaf.baker_id)).name == "by key"


async def test_traits_go_together_and_values_have_the_last_word(db: Database) -> None:
    assert LoafFactory.build("popular").slug == "top-100"
    both = LoafFactory.build("popular", "old", stars=7)
    assert (both.stars, both.slug, both.tags) == (7, "top-7", [])
    with pytest.raises(UnknownName, match="no trait 'odd'; it has popular, old"):
        LoafFactory.build("odd")


async def test_factories_inherit(db: Database) -> None:
    rye = await RyeFactory.create("popular")
    assert_type(rye, Loaf)
    assert (rye.title, rye.stars) == ("Rye 10", 100)


async def test_required_fields_get_valid_values_of_their_types(db: Database) -> None:
    class EveryFactory(Factory[Every]): ...

    made = await EveryFactory.create_many(9)
    assert len({one.text for one in made}) == 9
    assert {one.size for one in made} == set(Size)
    for one in made:
        found = await Every.get(one.id)
        assert found.address.street
        assert 10 < found.whole < 20
        assert found.even % 7 == 0
        assert found.model_dump() == one.model_dump()


async def test_required_owners_are_made_although_nobody_wrote_their_factory(db: Database) -> None:
    class CrumbFactory(Factory[Crumb]): ...

    crumb = await CrumbFactory.create()
    loaf = await Loaf.get(crumb.loaf_id)
    assert await Baker.find(loaf.baker_id) is not None
    assert (await CrumbFactory.create(loaf_id=loaf.id)).loaf_id == loaf.id


async def test_wrong_uses_are_named(db: Database) -> None:
    with pytest.raises(UnknownName, match="Baker has no field or relation 'nme'"):

        class Wrong(Factory[Baker]):  # pyright: ignore[reportUnusedClass]
            nme = "x"

    with pytest.raises(UnknownName, match="'nme'"):
        BakerFactory.build(nme="x")
    with pytest.raises(Invalid):
        BakerFactory.build(name="x")
    with pytest.raises(ConfigurationError, match=r"Factory\[Gist\]"):

        class Unsaid(Factory): ...  # type: ignore[type-arg] # pyright: ignore[reportMissingTypeArgument, reportUnusedClass]

    class Boss(Factory[Person]): ...

    with pytest.raises(ConfigurationError, match="needs another Person"):
        await Boss.create()

    class Circle(Factory[Baker]):
        name = lazy(lambda baker: baker.name)

    with pytest.raises(ConfigurationError, match=r"Circle\.name follows from itself"):
        Circle.build()


async def test_factories_work_in_transactions_and_sandboxes(db: Database) -> None:
    async with sandbox(db):
        await LoafFactory.create()
        async with db.transaction():
            await BakerFactory.create_many(2)
        assert await Baker.all().count() == 3
    assert await Baker.all().count() == 0
    assert await Loaf.all().count() == 0
