"""Enums by name and by value, and flags as integers, on every database."""

from __future__ import annotations

from enum import Enum, Flag, IntEnum, IntFlag, StrEnum, auto
from typing import TYPE_CHECKING, Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from mizzen.orm import ByValue, ConfigurationError, Database, Field, Invalid, Model, Unreadable
from mizzen.orm._fields.enums import member
from mizzen.orm.testing import scratch_models

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

MODELS = scratch_models()


class Status(StrEnum):
    DRAFT = "d"
    LIVE = "l"
    ODD = "DRAFT"  # a value that is another one's name


class Level(IntEnum):
    LOW = 10
    HIGH = 2


class Color(Enum):
    RED = "röt'\""
    BLUE = "blau"


class Access(Flag):
    READ = auto()
    WRITE = auto()
    ADMIN = auto()


class Bits(IntFlag):
    ONE = 1
    WIDE = 2**40


with MODELS:

    class Page(Model):
        status: Status = Status.DRAFT
        stored: Annotated[Status, ByValue()] = Status.DRAFT
        level: Annotated[Level, ByValue()] = Level.LOW
        color: Annotated[Color | None, ByValue()] = None
        access: Access = Access.READ
        bits: Bits | None = Field(default=None, index=True)
        kind: Literal["a", "b"] = "a"
        rank: Literal[1, 2] = 1


@pytest.fixture
async def db(database_url: str, anyio_backend: object) -> AsyncGenerator[Database]:
    with MODELS:
        async with Database(database_url) as database:
            await database.create_all()
            yield database


async def raw(db: Database, column: str) -> Any:
    async with db.session() as session:
        return await session.scalar(text(f'SELECT "{column}" FROM pages'))


async def test_values_come_back_as_members(db: Database) -> None:
    made = await Page.create(
        status=Status.LIVE,
        stored=Status.LIVE,
        level=Level.HIGH,
        color=Color.RED,
        access=Access.READ | Access.ADMIN,
        bits=Bits.WIDE | Bits.ONE,
        kind="b",
        rank=2,
    )
    found = await Page.get(made.id)
    assert found.model_dump() == made.model_dump()
    assert (found.stored, found.level, found.color) == (Status.LIVE, Level.HIGH, Color.RED)
    assert (found.access, found.bits) == (Access.READ | Access.ADMIN, Bits.WIDE | Bits.ONE)
    assert (await raw(db, "status"), await raw(db, "stored")) == ("LIVE", "l")
    assert (await raw(db, "level"), await raw(db, "color")) == (2, Color.RED.value)
    assert (await raw(db, "access"), await raw(db, "bits")) == (5, 2**40 + 1)


async def test_every_combination_of_flags_is_kept(db: Database) -> None:
    every = [Access(number) for number in range(8)]
    await Page.insert_all({"access": access} for access in every)
    assert await Page.order("id").pluck("access") == every


async def test_look_ups_take_member_value_or_name(db: Database) -> None:
    await Page.create(status=Status.LIVE, stored=Status.LIVE, level=Level.HIGH, color=Color.BLUE)
    for status in (Status.LIVE, "l", "LIVE"):
        assert await Page.where(status=status).count() == 1
        assert await Page.where(stored=status).count() == 1
        assert await Page.where(stored__ne=status).count() == 0
        assert await Page.where(status__in=[status, "d"]).count() == 1
    for level in (Level.HIGH, 2, "HIGH"):
        assert await Page.where(level=level).count() == 1
    assert await Page.where(level__lt=10).count() == 1
    assert await Page.where(color=None).count() == 0
    assert await Page.where(color="blau").count() == 1
    assert await Page.where(access="READ").count() == 1
    assert await Page.where(access="READ|WRITE").count() == 0
    assert await Page.where(Page.level == Level.HIGH).count() == 1


async def test_flags_are_searched_bit_by_bit(db: Database) -> None:
    await Page.insert_all({"access": Access(number)} for number in range(8))
    pages: Any = Page
    writes = pages.access.bitwise_and(Access.WRITE) != 0
    assert await Page.where(writes).count() == 4


async def test_update_all_and_defaults(db: Database) -> None:
    await Page.create()
    assert await Page.all().update_all(stored=Status.LIVE, access=Access.ADMIN, status="l") == 1
    found = await Page.all().one()
    assert (found.stored, found.access, found.status) == (Status.LIVE, Access.ADMIN, Status.LIVE)


async def test_values_sort_as_values(db: Database) -> None:
    await Page.insert_all([{"level": Level.LOW}, {"level": Level.HIGH}])
    assert await Page.order("level").pluck("level") == [Level.HIGH, Level.LOW]


async def test_a_stored_value_without_a_member_is_said(db: Database) -> None:
    page = await Page.create()
    async with db.transaction() as session:
        await session.execute(text("UPDATE pages SET stored = 'gone'"))
    with pytest.raises(Unreadable, match="Status holds 'gone', which is no value"):
        await Page.get(page.id)


def test_a_bad_value_is_invalid() -> None:
    with MODELS:
        for bad in ({"status": "x"}, {"level": 3}, {"access": 99}, {"kind": "c"}, {"color": 1}):
            with pytest.raises(Invalid):
                Page.model_validate(bad)
        for bad in ({"status": "x"}, {"level": 3}, {"access": "NO"}, {"access": 99}):
            with pytest.raises(Invalid, match="it is one of"):
                Page.where(**bad)


@given(st.sampled_from(Status) | st.sampled_from(Level) | st.sampled_from(Color))
def test_a_member_is_found_by_itself_and_by_its_value(chosen: Enum) -> None:
    assert member(type(chosen), chosen) is chosen
    assert member(type(chosen), chosen.value) is chosen


def test_a_value_goes_before_a_name() -> None:
    assert member(Status, "DRAFT") is Status.ODD
    assert member(Status, "LIVE") is Status.LIVE


def test_what_can_not_be_stored_by_value_is_refused() -> None:
    class Mixed(Enum):
        A = 1
        B = "b"

    class Floats(Enum):
        A = 1.5

    for wrong in (Mixed, Floats):
        with scratch_models(), pytest.raises(ConfigurationError, match="not all text or all"):
            type("Wrong", (Model,), {"__annotations__": {"x": Annotated[wrong, ByValue()]}})
    with scratch_models(), pytest.raises(ConfigurationError, match="is for enums"):
        type("Wrong", (Model,), {"__annotations__": {"x": Annotated[int, ByValue()]}})
    with scratch_models(), pytest.raises(ConfigurationError, match="not both"):
        type("Wrong", (Model,), {"__annotations__": {"x": Literal[1, "a"]}})
