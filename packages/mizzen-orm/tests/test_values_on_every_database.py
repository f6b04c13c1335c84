"""Values come back as they were given, or are refused: nothing is cut without a word."""

from __future__ import annotations

import math
from datetime import UTC, datetime, time
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import BigInteger, Numeric

from mizzen.orm import Database, Field, Invalid, Model

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("mizzen_models")


@pytest.fixture(
    params=[
        "sqlite",
        pytest.param("postgresql", marks=pytest.mark.extra("psycopg")),
        pytest.param("mariadb", marks=pytest.mark.extra("asyncmy")),
    ]
)
async def db(request: pytest.FixtureRequest) -> AsyncGenerator[Database]:
    """A database of each kind, without tables."""
    fixtures = {"postgresql": "postgres_url", "mariadb": "mariadb_url"}
    fixture = fixtures.get(request.param)
    url = "memory:" if fixture is None else request.getfixturevalue(fixture)
    async with Database(url) as database:
        yield database


async def kept(db: Database, model: type[Any], value: Any) -> list[Any]:
    """Return what each way of writing and reading *value* gives."""
    first = await model.create(value=value)
    (second,) = await model.insert_all([{"value": value}])
    async with db.transaction():
        third = await model.create(value=value)
        inside = (await model.get(third.id)).value
    await first.update(value=None)
    await first.update(value=value)
    found = await model.where(id__in=[first.id, second.id, third.id]).pluck("value")
    assert await model.where(value=value).count() == 3
    return [(await model.get(first.id)).value, (await model.get(second.id)).value, inside, *found]


async def refused(db: Database, model: type[Any], value: Any, match: str) -> None:
    """Check that each way of writing *value* raises `Invalid` and writes nothing."""
    await model.all().delete_all()
    row = await model.create(value=None)
    with pytest.raises(Invalid, match=match):
        await model.create(value=value)
    with pytest.raises(Invalid, match=match):
        await model.insert_all([{"value": value}])
    with pytest.raises(Invalid, match=match):
        await row.update(value=value)
    with pytest.raises(Invalid, match=match):
        async with db.transaction():
            await model.create(value=value)
    with pytest.raises(Invalid, match=match):
        await model.all().update_all(value=value)
    assert await model.all().pluck("value") == [None]


@pytest.mark.parametrize(
    "digits", ["0.1", "-12.5", "100", "1e-14", "0", "123456789012345678", "99999999.999999"]
)
async def test_a_decimal_without_a_length_keeps_its_digits(db: Database, digits: str) -> None:
    class Price(Model):
        value: Decimal | None = None

    await db.create_all()
    value = Decimal(digits)
    for found in await kept(db, Price, value):
        assert found == value
        assert "E" not in str(found) or abs(value) < 1


async def test_a_decimal_comes_back_without_zeros_that_nobody_gave(db: Database) -> None:
    class Price(Model):
        value: Decimal | None = None

    await db.create_all()
    row = await Price.create(value=Decimal("12.5"))
    assert str((await Price.get(row.id)).value) == "12.5"


async def test_decimals_of_a_stated_length_keep_its_places(db: Database) -> None:
    class Price(Model):
        value: Decimal | None = Field(default=None, max_digits=8, decimal_places=2)

    await db.create_all()
    assert set(await kept(db, Price, Decimal("999999.5"))) == {Decimal("999999.5")}
    assert {str(found) for found in await Price.all().pluck("value")} == {"999999.50"}
    await Price.create(value=Decimal("0.5"))
    assert await Price.all().sum("value") == Decimal("3000000.00") - 1
    assert await Price.where(value__lt=Decimal("999999.49")).count() == 1


async def test_a_decimal_that_sqlite_would_round_is_refused() -> None:
    class Price(Model):
        value: Decimal | None = None

    class Exact(Model):
        value: Decimal | None = Field(default=None, sa_type=Numeric(20, 6))

    async with Database("memory:") as db:
        await db.create_all()
        await refused(db, Price, Decimal("123456789012345678.123456789"), "15 digits")
        await refused(db, Exact, Decimal("12345678901234.123456"), "15 digits")


@pytest.mark.extra("asyncmy")
async def test_a_decimal_with_more_places_than_mariadb_has_is_refused(mariadb_url: str) -> None:
    class Price(Model):
        value: Decimal | None = None

    async with Database(mariadb_url) as db:
        await db.create_all()
        await refused(db, Price, Decimal("1e-31"), "30 digits")


@pytest.mark.extra("asyncmy")
async def test_migrations_keep_the_fractions_of_decimals(mariadb_url: str, tmp_path: Path) -> None:
    class Price(Model):
        value: Decimal

    async with Database(mariadb_url) as db:
        migrations = db.migrations(tmp_path / "migrations")
        await migrations.make("first")
        await migrations.up()
        assert await migrations.make("nothing") is None
        await Price.create(value=Decimal("0.25"))
        assert await Price.all().pluck("value") == [Decimal("0.25")]


async def test_nan_does_not_become_null_on_sqlite() -> None:
    class Reading(Model):
        value: float | None = None

    async with Database("memory:") as db:
        await db.create_all()
        await refused(db, Reading, math.nan, "no NaN")


async def test_a_number_too_large_for_its_column_is_invalid(db: Database) -> None:
    class Count(Model):
        value: int | None = Field(default=None, sa_type=BigInteger)

    await db.create_all()
    assert set(await kept(db, Count, 2**63 - 1)) == {2**63 - 1}
    await refused(db, Count, 2**63, "range|too large")


async def test_half_a_character_is_invalid(db: Database) -> None:
    class Note(Model):
        value: str | None = None

    await db.create_all()
    await refused(db, Note, "\ud800", "surrogates")


async def test_a_time_of_the_day_has_no_zone(db: Database) -> None:
    class Alarm(Model):
        value: time | None = None

    await db.create_all()
    noon = time(12, 0, 0, 1)
    assert set(await kept(db, Alarm, noon)) == {noon}
    await refused(db, Alarm, time(12, tzinfo=UTC), "without a zone")


async def test_a_time_without_zone_is_invalid(db: Database) -> None:
    class Event(Model):
        value: datetime | None = None

    await db.create_all()
    await refused(db, Event, datetime(2026, 1, 2), "timezone")
    with pytest.raises(Invalid, match="timezone"):
        await Event.where(value__gt=datetime(2026, 1, 2))


@pytest.mark.extra("psycopg")
async def test_what_no_text_of_postgresql_holds_is_invalid(postgres_url: str) -> None:
    class Note(Model):
        value: str | None = None

    class Facts(Model):
        value: dict[str, Any] | None = None

    async with Database(postgres_url) as db:
        await db.create_all()
        await refused(db, Note, "a\0b", "NUL")
        await refused(db, Facts, {"a": "\0"}, "Unicode")
        await refused(db, Facts, {"a": math.inf}, "json")
