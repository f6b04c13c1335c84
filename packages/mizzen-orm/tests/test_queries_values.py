"""Values, groups, scopes, own SQL and pages, on SQLite and PostgreSQL."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import func

from mizzen.orm import (
    Database,
    Field,
    Invalid,
    Model,
    NotFound,
    Query,
    UnknownName,
    default_scope,
    scope,
)
from mizzen.orm.testing import scratch_models

MODELS = scratch_models()

with MODELS:

    class Plant(Model):
        name: str
        stars: int | None = None
        bed: str = "a"
        at: datetime = Field(default_factory=lambda: datetime.now(UTC))

        @scope
        @staticmethod
        def popular(query: Query[Plant], least: int = 5) -> Query[Plant]:
            return query.where(stars__gte=least)

        @scope
        @staticmethod
        def named(query: Query[Plant], name: str) -> Query[Plant]:
            return query.where(name=name)

    class Weed(Model):
        name: str
        gone: bool = False

        @default_scope
        @staticmethod
        def living(query: Query[Weed]) -> Query[Weed]:
            return query.where(gone=False)


@pytest.fixture
async def db(database_url: str, anyio_backend: object) -> Any:
    with MODELS:
        async with Database(database_url) as database:
            await database.create_all()
            yield database


async def some() -> None:
    for name, stars, bed in [
        ("ash", 1, "a"),
        ("box", 5, "a"),
        ("cos", None, "b"),
        ("dill", 9, "b"),
    ]:
        await Plant.create(name=name, stars=stars, bed=bed)


async def test_numbers_over_the_rows_of_a_query(db: Database) -> None:
    await some()
    assert await Plant.all().sum("stars") == 15
    assert await Plant.where(bed="a").avg("stars") == 3.0
    assert (await Plant.all().min("stars"), await Plant.all().max("name")) == (1, "dill")
    assert await Plant.where(bed="z").sum("stars") == 0
    assert await Plant.where(bed="z").avg("stars") is None
    assert await Plant.order("-stars").where(stars__isnull=False).limit(2).sum("stars") == 14
    row = await Plant.all().aggregate(total=func.sum(Plant.stars), rows=func.count())
    assert (row.total, row.rows) == (15, 4)
    with pytest.raises(UnknownName):
        await Plant.all().sum("stars)")


async def test_groups(db: Database) -> None:
    await some()
    groups = Plant.group("bed").annotate(total=func.sum(Plant.stars), rows=func.count())
    assert [(row.bed, row.total, row.rows) for row in await groups.order("-total")] == [
        ("b", 9, 2),
        ("a", 6, 2),
    ]
    assert [row.bed for row in await groups.having(total=9)] == ["b"]
    assert await groups.having(func.sum(Plant.stars) < 9).values() == ["a"]
    assert await groups.count() == 2
    first = await groups.order("bed").first()
    assert first is not None
    assert first.bed == "a"
    with pytest.raises(UnknownName):
        groups.order("nothing")
    with pytest.raises(UnknownName):
        Plant.group("bed, name")
    with pytest.raises(UnknownName):
        Plant.group()
    with pytest.raises(NotFound):
        await groups.having(total=1000).one()


async def test_windows_subqueries_and_queries_as_values(db: Database) -> None:
    await some()
    place = func.row_number().over(partition_by=Plant.bed, order_by=Plant.name)
    placed = Plant.select("name", place=place)
    assert [tuple(row) for row in await placed.order("name")] == [
        ("ash", 1),
        ("box", 2),
        ("cos", 1),
        ("dill", 2),
    ]
    firsts = placed.subquery("firsts")
    rows = await Plant.where(Plant.name == firsts.c.name, firsts.c.place == 1).order("name")
    assert [plant.name for plant in rows] == ["ash", "cos"]
    best = Plant.select("bed").group("bed").having(func.sum(Plant.stars) > 6)
    assert await Plant.where(bed__in=best).count() == 2
    assert await Plant.where(id__in=Plant.where(stars=9)).count() == 1
    wide = await Plant.where(name="ash").annotate(twice=func.coalesce(Plant.stars, 0) * 2).one()
    assert (wide.name, wide.twice) == ("ash", 2)
    few = Plant.where(stars=5).cte("few")
    assert await Plant.where(Plant.id == few.c.id).count() == 1


async def test_scopes_begin_and_go_on(db: Database) -> None:
    await some()
    assert [plant.name for plant in await Plant.popular().order("-stars")] == ["dill", "box"]
    assert await Plant.popular(9).count() == 1
    chained: Any = Plant.order("id")
    assert await chained.popular().named("box").count() == 1
    with pytest.raises(AttributeError, match="no scope"):
        chained.unpopular()


async def test_the_default_scope_holds_until_it_is_left_out(db: Database) -> None:
    await Weed.insert_all([{"name": "ivy"}, {"name": "fern", "gone": True}])
    assert [weed.name for weed in await Weed.all()] == ["ivy"]
    assert await Weed.count() == 1
    assert await Weed.find_by(name="fern") is None
    fern = await Weed.unscoped().where(name="fern").one()
    assert await Weed.find(fern.id) is None
    assert await Weed.where(name="fern").unscoped().count() == 1
    assert [weed.name async for weed in Weed.unscoped().order("id")] == ["ivy", "fern"]
    assert await Weed.all().delete_all() == 1
    assert await Weed.unscoped().count() == 1


async def test_sql_of_ones_own_has_bound_values(db: Database) -> None:
    await some()
    asked = "SELECT * FROM plants WHERE name = :name"
    (found,) = await Plant.raw(asked, name="box")
    assert (type(found), found.stars) == (Plant, 5)
    assert await Plant.raw(asked, name="' OR 1=1 --") == []
    (row,) = await db.sql("SELECT max(stars) AS most FROM plants WHERE bed = :bed", bed="a")
    assert row.most == 5
    with pytest.raises(UnknownName):
        await db.sql("SELECT :a")
    for sql, values in [(asked, {}), (asked, {"name": "x", "more": 1}), ("SELECT {name}", {})]:
        with pytest.raises(UnknownName):
            await Plant.raw(sql, **values)


async def test_a_plan_is_a_text(db: Database) -> None:
    plan = await Plant.where(name="<b>").order("id").explain()
    assert "plants" in plan
    assert "<table" in cast("Any", plan)._repr_html_()
    measured = await Plant.all().explain(analyze=True)
    timed = {"postgresql": "actual time", "sqlite": "0 rows in "}
    assert timed[db.engine.dialect.name] in measured


async def test_pages(db: Database) -> None:
    await some()
    page = await Plant.order("bed").page(2, 3)
    assert ([plant.name for plant in page], page.total, page.pages) == (["dill"], 4, 2)
    assert not page.has_next
    assert (await Plant.all().page(1, 3)).has_next
    assert (await Plant.all().page(10**30, 3)).rows == []
    for number, size in [(0, 1), (1, 0), (-1, 5)]:
        with pytest.raises(Invalid):
            await Plant.all().page(number, size)


ORDERS = [("id",), ("-stars",), ("stars", "-name"), ("bed", "-stars"), ("-at",), ("-id",)]


@pytest.mark.parametrize("order", ORDERS)
async def test_slices_give_each_row_once_both_ways(db: Database, order: tuple[str, ...]) -> None:
    at = datetime(2024, 1, 1, tzinfo=UTC)
    await Plant.insert_all(
        {
            "name": "abc"[n % 3],
            "stars": None if n % 4 == 0 else n % 3,
            "bed": "xy"[n % 2],
            "at": at + timedelta(microseconds=n % 5),
        }
        for n in range(17)
    )
    query = Plant.order(*order)
    seen: list[int] = []
    slices = [await query.after(None, 4)]
    while slices[-1].next is not None:
        slices.append(await query.after(slices[-1].next, 4))
    seen = [plant.id for part in slices for plant in part]
    assert len(seen) == len(set(seen)) == 17
    back = slices[-1]
    behind = [[plant.id for plant in back]]
    while back.previous is not None:
        back = await query.after(back.previous, 4)
        behind.insert(0, [plant.id for plant in back])
    assert [each for part in behind for each in part] == seen
    assert slices[0].previous is None


async def test_a_cursor_fits_its_own_list_only(db: Database) -> None:
    await some()
    cursor = (await Plant.order("name").after(None, 2)).next
    assert cursor is not None
    wrong = [
        cursor[:-2],
        ("B" if cursor[0] == "A" else "A") + cursor[1:],
        cursor + "AAAA",
        "",
        "é",
        "\0",
        "=" * 9,
        cursor * 999,
        5,
    ]
    for each in wrong:
        with pytest.raises(Invalid):
            await Plant.order("name").after(cast("Any", each))
    for query in (Plant.order("-name"), Plant.all(), Plant.order("name", "bed")):
        with pytest.raises(Invalid):
            await query.after(cursor)
    with pytest.raises(Invalid):
        await Plant.order("name").after(cursor, key=b"other")
    signed = (await Plant.order("name").after(None, 2, key=b"k" * 32)).next
    assert len(await Plant.order("name").after(signed, key=b"k" * 32)) == 2
    with pytest.raises(UnknownName):
        await Plant.order(func.random()).after(None)
    with pytest.raises(Invalid):
        await Plant.order("name").after(None, 0)


@given(st.one_of(st.text(), st.binary().map(lambda raw: raw.decode("latin-1"))))
@settings(max_examples=200)
def test_no_text_is_a_cursor_or_a_column(text: str) -> None:
    from mizzen.orm._queries import cursors

    with MODELS:
        with pytest.raises(Invalid):
            cursors.read(None, "Plant name", Plant, ["name"], text)
        if text not in {"id", "name", "stars", "bed", "at"}:
            for ask in (Plant.group, Plant.select):
                with pytest.raises(UnknownName):
                    ask(text)
