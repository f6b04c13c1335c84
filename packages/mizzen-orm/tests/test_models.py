"""Models validate always, and a class defined again replaces the old one."""

from __future__ import annotations

import pickle
import sys
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from pydantic import field_validator

from mizzen.orm import (
    ConfigurationError,
    Database,
    Field,
    Invalid,
    Model,
    NotFound,
    Relationship,
    Timestamps,
    UnknownName,
)
from mizzen.orm.testing import scratch_models

MODELS = scratch_models()

with MODELS:

    class Owner(Model):
        name: str = Field(min_length=2)
        pets: list[Pet] = Relationship(back_populates="owner")

    class Pet(Timestamps, Model):
        name: str
        age: int = 0
        born: datetime | None = None
        owner_id: int | None = Field(default=None, foreign_key="owners.id")
        owner: Owner | None = Relationship(back_populates="pets")

        @field_validator("name")
        @classmethod
        def tidy(cls, name: str) -> str:
            return name.strip()


@pytest.fixture
async def db(anyio_backend: object) -> Any:
    with MODELS:
        async with Database() as database:
            await database.create_all()
            yield database


async def test_what_is_constructed_of_trusted_values_is_an_object_like_others(db: Database) -> None:
    owner = Owner.model_construct(name="ann")
    assert owner.is_new
    assert owner.changes == {"name": (None, "ann")}
    await owner.save()
    pet = Pet.model_construct(name="rex", owner=owner)
    await pet.save()
    assert (await Pet.get(pet.id)).owner_id == owner.id
    await pet.update(age=3)
    assert await Pet.where(age=3).count() == 1
    with pytest.raises(Invalid, match="owner: takes Owner"):
        Pet.model_construct(name="tom", owner=pet)
    assert len(await Owner.insert_all([Owner.model_construct(name="bea")])) == 1


def test_a_bad_value_is_refused_when_made() -> None:
    with MODELS, pytest.raises(Invalid, match="age: Input should be a valid integer") as caught:
        Pet.model_validate({"name": "rex", "age": "old"})
    assert caught.value.errors == [
        {
            "field": "age",
            "message": "Input should be a valid integer, unable to parse string as an integer",
            "type": "int_parsing",
        }
    ]


def test_a_missing_value_and_an_unknown_one_are_refused() -> None:
    with MODELS, pytest.raises(Invalid, match=r"name: Field required; nme: no such .* owner$"):
        Pet(nme="rex")  # pyright: ignore[reportCallIssue]


def test_a_refused_assignment_changes_nothing() -> None:
    with MODELS:
        pet = Pet(name="rex", age=3)
        with pytest.raises(Invalid):
            pet.age = "old"  # pyright: ignore[reportAttributeAccessIssue]
    assert pet.age == 3


async def test_a_refused_update_changes_no_field(db: Database) -> None:
    pet = await Pet.create(name="rex", age=3)
    with pytest.raises(Invalid):
        await pet.update(name="max", age="old")
    assert (pet.name, pet.age) == ("rex", 3)
    assert (await Pet.get(pet.id)).name == "rex"


async def test_validators_run_on_every_way_in(db: Database) -> None:
    pet = await Pet.create(name=" rex ")
    assert pet.name == "rex"
    pet.name = " max "
    assert pet.name == "max"
    (row,) = await Pet.insert_all([{"name": " kim "}])
    assert row.name == "kim"
    await Pet.where(id=row.id).update_all(name=" lou ")
    assert (await Pet.get(row.id)).name == "lou"


async def test_bulk_writes_validate_too(db: Database) -> None:
    with pytest.raises(Invalid):
        await Pet.insert_all([{"name": "rex"}, {"name": "max", "age": "old"}])
    with pytest.raises(Invalid):
        await Pet.all().update_all(age="old")
    assert await Pet.all().count() == 0


async def test_a_relation_takes_models_only(db: Database) -> None:
    with pytest.raises(Invalid, match="owner: takes models, not str"):
        await Pet.create(name="rex", owner="ann")


async def test_related_objects_are_saved_along(db: Database) -> None:
    owner = await Owner.create(name="ann", pets=[Pet(name="rex"), Pet(name="max")])
    found = await Owner.where(id=owner.id).include("pets").one()
    assert sorted(pet.name for pet in found.pets) == ["max", "rex"]


async def test_times_come_back_aware_in_utc(db: Database) -> None:
    born = datetime(2026, 5, 1, 12, tzinfo=timezone(timedelta(hours=2)))
    pet = await Pet.create(name="rex", born=born)
    found = await Pet.get(pet.id)
    assert found.born == born
    assert found.born is not None
    assert found.born.tzinfo is UTC
    assert found.created_at.tzinfo is UTC


async def test_an_object_read_twice_can_be_saved_from_either(db: Database) -> None:
    pet = await Pet.create(name="rex")
    async with db.transaction():
        again = await Pet.get(pet.id)
        await pet.update(age=1)
        await again.update(name="max")
    found = await Pet.get(pet.id)
    assert (found.name, found.age) == ("max", 1)


async def test_an_object_keeps_its_values_when_its_transaction_fails(db: Database) -> None:
    pet = await Pet.create(name="rex")
    new = Pet(name="kim")
    bulk: list[Pet] = []
    with pytest.raises(KeyError):
        async with db.transaction():
            await pet.update(name="max")
            await new.save()
            bulk = await Pet.insert_all([{"name": "lou"}])
            raise KeyError
    assert pet.name == "max"
    assert new.name == "kim"
    await new.save()
    await bulk[0].save()
    assert await Pet.order("name").pluck("name") == ["kim", "lou", "rex"]


async def test_a_destroyed_object_is_gone(db: Database) -> None:
    pet = await Pet.create(name="rex")
    twin = await Pet.get(pet.id)
    await pet.destroy()
    with pytest.raises(NotFound, match="gone"):
        await twin.update(name="max")
    with pytest.raises(NotFound, match="gone"):
        await twin.reload()


@pytest.mark.parametrize(
    "ask",
    [
        lambda: Pet.where(nme="x"),
        lambda: Pet.where(name__sounds="x"),
        lambda: Pet.where(**{"name; DROP TABLE pets": 1}),
        lambda: Pet.order("name desc"),
        lambda: Pet.order("-random()"),
        lambda: Pet.include("owners"),
        lambda: Pet.join("nothing"),
        lambda: Pet.where(True),
        lambda: Pet.matching("x"),
        lambda: Pet.where(metadata=1),
    ],
)
def test_a_string_is_a_name_only_if_it_is_mapped(ask: Any) -> None:
    with MODELS, pytest.raises(UnknownName):
        ask()


async def test_unknown_names_are_refused_by_what_runs_at_once(db: Database) -> None:
    with pytest.raises(UnknownName):
        await Pet.all().pluck("nme")
    with pytest.raises(UnknownName):
        await Pet.all().update_all(nme="x")
    with pytest.raises(UnknownName):
        await Pet.find_by(nme="x")


def test_a_table_is_named_in_the_plural() -> None:
    with scratch_models():

        class GistFile(Model):
            name: str

        class Category(Model):
            name: str

        class HTTPBox(Model):
            name: str

    classes: list[Any] = [GistFile, Category, HTTPBox]
    names = [model.__tablename__ for model in classes]
    assert names == ["gist_files", "categories", "http_boxes"]


def test_two_models_cannot_share_a_table() -> None:
    with scratch_models():

        class First(Model):
            __tablename__ = "same"  # pyright: ignore[reportAssignmentType]

        with pytest.raises(ConfigurationError, match="the table 'same' belongs to"):

            class Second(Model):  # pyright: ignore[reportUnusedClass]
                __tablename__ = "same"  # pyright: ignore[reportAssignmentType]

    assert First().id is None


async def test_running_a_definition_again_replaces_it_and_keeps_its_relations() -> None:
    cell = (
        "class Team(Model):\n"
        "    name: str\n"
        "    {more}\n"
        "    players: list['Player'] = Relationship(back_populates='team')\n"
    )
    other = (
        "class Player(Model):\n"
        "    name: str\n"
        "    team_id: int | None = Field(default=None, foreign_key='teams.id')\n"
        "    team: Team | None = Relationship(back_populates='players')\n"
    )
    names: dict[str, Any] = {"Model": Model, "Field": Field, "Relationship": Relationship}
    names["__name__"] = __name__

    async def use(**values: object) -> None:
        async with Database() as database:
            await database.create_all()
            team = await names["Team"].create(name="reds", **values)
            await names["Player"].create(name="ann", team=team)
            found = await names["Player"].all().include("team.players").one()
            assert found.team == team
            assert [player.name for player in found.team.players] == ["ann"]

    with scratch_models():
        exec(cell.format(more="") + other, names)
        await use()
        exec(cell.format(more="city: str = ''"), names)
        await use(city="Ulm")
        exec(other, names)
        await use(city="Ulm")
        old, team = names["Team"], names["Team"](name="blues")
        exec(cell.format(more=""), names)
        with pytest.raises(Invalid, match="takes Team as it is defined now"):
            names["Player"](name="bea", team=team)
        with pytest.raises(ConfigurationError, match="defined again"):
            old(name="x")


async def test_objects_and_errors_survive_pickling(db: Database) -> None:
    pet = await Pet.create(name="rex")
    again = pickle.loads(pickle.dumps(pet))
    assert again.name == "rex"
    assert again == pet
    await again.update(name="max")
    with pytest.raises(NotFound) as caught:
        await Pet.get(99)
    error = pickle.loads(pickle.dumps(caught.value))
    assert (str(error), error.key) == ("there is no Pet 99.", 99)


async def test_reprs_are_short_and_escaped(db: Database) -> None:
    pet = await Pet.create(name="<b>" * 100)
    assert len(repr(pet)) < 400
    assert "<b>" not in pet._repr_html_()  # pyright: ignore[reportPrivateUsage]
    assert repr(Pet.where(age=1).limit(2)) == "<mizzen.orm.Query Pet: where 1, limit 2>"


def test_this_file_uses_postponed_annotations() -> None:
    assert "annotations" in vars(sys.modules[__name__])


async def test_a_field_may_be_named_like_a_query(db: Database) -> None:
    with scratch_models():

        class Shelf(Model):
            count: int = 0
            order: int = 0
            first: bool = False

        async with Database() as database, database.session():
            await database.create_all()
            shelf = await Shelf.create(count=3)
            await shelf.update(order=2)
            assert await Shelf.all().count() == 1
            assert await Shelf.where(count=3, order=2).pluck("first") == [False]


async def test_a_field_may_be_called_like_a_method(mizzen_models: None) -> None:
    class Tally(Model):
        count: int
        raw: bytes
        first: str | None = None
        load: float  # pyright: ignore[reportIncompatibleMethodOverride]
        changes: str  # pyright: ignore[reportIncompatibleMethodOverride]

    async with Database("memory:") as db:
        await db.create_all()
        with pytest.raises(Invalid, match=r"count: Field required; raw: .*; load: .*; changes: "):
            Tally.model_validate({})
        made = await Tally(count=3, raw=b"x", load=1.5, changes="a").save()
        await made.update(count=4, changes="b")
        found = await Tally.all().where(count__gt=3).one()
        assert (found.count, found.load, found.changes, found.first) == (4, 1.5, "b", None)
        assert await Tally.all().count() == 1


def test_a_field_that_would_hide_how_rows_are_written_is_refused(mizzen_models: None) -> None:
    with pytest.raises(ConfigurationError, match=r"called something else|call the field"):
        type("Wrong", (Model,), {"__annotations__": {"update": str}})
