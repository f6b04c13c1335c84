"""`copy_all`: loads of any size, all or nothing, in bounded memory; errors name the row."""

from __future__ import annotations

import asyncio
import tracemalloc
import uuid
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import TYPE_CHECKING, Any

import pytest

from mizzen.orm import (
    ConstraintFailed,
    Database,
    Field,
    Invalid,
    Model,
    NotUnique,
    OrmError,
    TenantKey,
    UnknownName,
    WrongTenant,
    tenant,
)
from mizzen.orm.testing import scratch_models

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Iterator


class Colour(Enum):
    RED = "r"
    BLUE = "b"


with scratch_models() as MODELS:

    class Rack(Model):
        name: str = ""

    class Tome(Model):
        title: str
        code: str | None = Field(default=None, unique=True)
        pages: int = 0
        price: Decimal = Field(default=Decimal(0), max_digits=12, decimal_places=4)
        added: datetime = datetime(2024, 1, 31, 12, 30, 15, 250_000, tzinfo=UTC)
        day: date = date(2024, 1, 31)
        span: timedelta = timedelta(0)
        mark: uuid.UUID = uuid.UUID(int=1)
        raw: bytes = b""
        colour: Colour = Colour.RED
        extras: dict[str, Any] | None = None
        rack_id: int | None = Field(default=None, foreign_key="racks.id")

    class Page(Model):
        id: str = Field(primary_key=True)
        account: int = TenantKey()


@pytest.fixture
async def db(database_url: str, anyio_backend: object) -> AsyncGenerator[Database]:
    with MODELS:
        async with Database(database_url) as database:
            await database.create_all()
            yield database


async def test_every_kind_of_value_arrives(db: Database) -> None:
    odd = ["", "\\N", "\\.", "NULL", "a\tb\nc\\d", "é", '"', "'"]
    rows: list[dict[str, Any]] = [
        {
            "title": title,
            "pages": number,
            "price": Decimal("1.25"),
            "span": timedelta(days=-1, microseconds=5),
            "mark": uuid.uuid4(),
            "raw": bytes(range(256)),
            "colour": Colour.BLUE,
            "extras": {"title": title, "tags": [1, None]},
        }
        for number, title in enumerate(odd)
    ]
    assert await Tome.copy_all(rows) == len(odd)
    found = await Tome.order("pages")
    assert [{name: getattr(row, name) for name in rows[0]} for row in found] == rows
    assert [row.added for row in found] == [Tome(title="x").added] * len(odd)


async def test_iterators_of_any_kind_are_streamed(db: Database) -> None:
    def sync() -> Iterator[dict[str, Any]]:
        yield from ({"title": f"s{number}"} for number in range(1500))

    async def slow() -> AsyncIterator[Any]:
        for number in range(1500):
            yield {"title": f"a{number}"} if number % 2 else Tome(title=f"m{number}")
            if number % 500 == 0:
                await asyncio.sleep(0)

    assert await Tome.copy_all(sync()) == 1500
    assert await Tome.copy_all(slow()) == 1500
    assert await Tome.copy_all([]) == 0
    assert await Tome.count() == 3000
    assert await Tome.where(title__startswith="m").count() == 750


async def test_rows_with_and_without_keys_go_together(db: Database) -> None:
    await Tome.copy_all([{"title": "a"}, {"id": 700, "title": "b"}, {"title": "c"}])
    assert await Tome.order("title").pluck("title") == ["a", "b", "c"]
    assert (await Tome.get(700)).title == "b"


async def test_given_objects_stay_new(db: Database) -> None:
    given = Tome(title="a")
    await Tome.copy_all([given])
    assert given.id is None
    assert given.is_new


@pytest.mark.parametrize(
    ("bad", "error"),
    [
        ({"title": "x", "pages": "many"}, Invalid),
        ({"title": "x", "unknown": 1}, Invalid),
        ({"title": "x", "code": "c3"}, NotUnique),
        ({"title": "x", "rack_id": 99}, ConstraintFailed),
    ],
)
async def test_a_bad_row_is_named_and_nothing_is_saved(
    db: Database, bad: dict[str, Any], error: type[OrmError]
) -> None:
    rows = [{"title": f"t{number}", "code": f"c{number}"} for number in range(1200)]
    rows.insert(1100, bad)
    with pytest.raises(error, match="row 1101") as caught:
        await Tome.copy_all(rows)
    assert caught.value.row == 1101
    assert await Tome.count() == 0
    await Tome.copy_all(rows[:1100])
    assert await Tome.count() == 1100


async def test_a_relation_by_name_is_refused(db: Database) -> None:
    with pytest.raises((Invalid, UnknownName), match="row 2"):
        await Rack.copy_all([{"name": "a"}, {"racks": 1}])


async def test_it_joins_the_open_transaction(db: Database) -> None:
    with pytest.raises(RuntimeError):
        async with db.transaction():
            await Rack.create(name="kept")
            await Tome.copy_all([{"title": "a"}])
            assert await Tome.count() == 1
            raise RuntimeError
    assert await Tome.count() == 0
    async with db.transaction():
        await Tome.copy_all([{"title": "a"}])
        with pytest.raises(NotUnique):
            await Tome.copy_all([{"title": "b", "code": "x"}, {"title": "c", "code": "x"}])
        await Tome.copy_all([{"title": "d"}])
    assert sorted(await Tome.all().pluck("title")) == ["a", "d"]


async def test_a_source_that_fails_saves_nothing(db: Database) -> None:
    def source() -> Iterator[dict[str, Any]]:
        yield from ({"title": f"t{number}"} for number in range(1500))
        raise OSError("the file is cut off")

    with pytest.raises(OSError, match="cut off"):
        await Tome.copy_all(source())
    assert await Tome.count() == 0
    assert db.stats()["connections_busy"] == 0


async def test_cancelling_at_any_moment_leaves_nothing(db: Database) -> None:
    rows = [{"title": f"t{number}"} for number in range(50)]
    for waits in (0, 1, 2, 3, 5, 8, 13, 21):
        task = asyncio.create_task(Tome.copy_all(rows))
        for _ in range(waits):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
    assert await Tome.count() % 50 == 0
    assert db.stats()["connections_busy"] == 0
    assert await Tome.copy_all(rows) == 50


async def test_a_tenant_gets_its_own_rows_only(db: Database) -> None:
    with tenant(1):
        await Page.copy_all([{"id": "a"}, {"id": "b", "account": 1}])
        with pytest.raises(WrongTenant, match="row 1"):
            await Page.copy_all([{"id": "c", "account": 2}])
        assert await Page.count() == 2
    with tenant(2):
        assert await Page.count() == 0


async def test_listeners_hear_of_one_change(db: Database) -> None:
    heard: list[Any] = []
    stop = db.on_change(lambda change: heard.append((change.action, change.rows)))
    await Tome.copy_all({"title": f"t{number}"} for number in range(1001))
    assert heard == [("create", 1001)]
    assert stop is not None


async def test_memory_stays_small_however_many_rows_there_are(db: Database) -> None:
    def source(count: int) -> Iterator[dict[str, Any]]:
        for number in range(count):
            yield {"title": f"{number:06}" * 50}

    await Tome.copy_all(source(1000))
    tracemalloc.start()
    try:
        await Tome.copy_all(source(6_000))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 6_000 * 1_000  # all the rows would take twice that
