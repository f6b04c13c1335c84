"""`mizzen.cache` is a query cache for `mizzen.orm`: neither knows the other."""

from __future__ import annotations

import asyncio
import pickle
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from mizzen.cache import Cache
from mizzen.orm import ConfigurationError, Database, Field, Model, Relationship
from mizzen.orm.testing import assert_queries, sandbox, scratch_models

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

with scratch_models() as MODELS:

    class Painter(Model):
        name: str = Field(unique=True)
        paintings: list[Painting] = Relationship(back_populates="painter")

    class Painting(Model):
        title: str
        price: Decimal = Field(default=Decimal("1.50"), max_digits=9, decimal_places=2)
        made: date = date(2024, 2, 29)
        seen: datetime = datetime(2024, 1, 1, 12, 30, tzinfo=UTC)
        image: bytes = b"\x00\xff"
        facts: dict[str, Any] = Field(default_factory=dict)
        painter_id: int | None = Field(default=None, foreign_key="painters.id", ondelete="CASCADE")
        painter: Painter | None = Relationship(back_populates="paintings")


@pytest.fixture(params=["memory", "sqlite"])
async def cache(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Cache]:
    url = "memory:" if request.param == "memory" else f"sqlite:///{tmp_path}/cache.db"
    async with Cache(url) as made:
        yield made


@pytest.fixture(params=["memory", "postgresql", "mariadb"])
async def db(request: pytest.FixtureRequest, cache: Cache) -> AsyncIterator[Database]:
    fixtures = {"postgresql": "postgres_url", "mariadb": "mariadb_url"}
    name = fixtures.get(request.param)
    url = "memory:" if name is None else request.getfixturevalue(name)
    with MODELS:
        async with Database(url, query_cache=cache) as database:
            await database.create_all()
            ann = await Painter.create(name="ann")
            for title in ("a", "b"):
                await Painting.create(title=title, painter_id=ann.id, facts={"x": [1, None]})
            yield database


def loose(value: object) -> Any:
    return value


async def test_rows_are_read_once_and_are_as_ever(db: Database) -> None:
    plain = await Painting.order("id")
    query = Painting.order("id").cached("1m")
    with assert_queries(1, db):
        first = await query
    with assert_queries(0, db):
        again = await Painting.order("id").cached("1m")
    assert [one.model_dump() for one in plain] == [one.model_dump() for one in first]
    assert [one.model_dump() for one in plain] == [one.model_dump() for one in again]
    assert again[0] == plain[0]
    assert again[0] is not first[0]
    assert (await loose(again[1]).painter).name == "ann"
    assert pickle.loads(pickle.dumps(again[0])) == plain[0]
    await again[0].update(title="new")
    assert (await Painting.get(again[0].id)).title == "new"


async def test_values_and_relations_belong_to_the_key(db: Database) -> None:
    for _ in range(2):
        assert [one.title for one in await Painting.where(title="a").cached()] == ["a"]
        assert [one.title for one in await Painting.where(title="b").cached()] == ["b"]
        found = await Painting.where(title="b").cached().one()
        assert found.title == "b"
        assert await Painting.where(title="c").cached().first() is None
    with assert_queries(2, db):
        await Painting.include("painter").cached()
    with assert_queries(0, db):
        painting = (await Painting.include("painter").cached())[0]
        assert painting.painter is not None
    assert [one.title async for one in Painting.where(title="a").cached()] == ["a"]


@pytest.mark.parametrize("way", ["create", "update", "destroy", "bulk", "insert", "raw", "flush"])
async def test_a_write_makes_answers_outdated_once_committed(db: Database, way: str) -> None:
    async def seen() -> list[str]:
        return [one.title for one in await Painting.order("title").cached()]

    assert await seen() == ["a", "b"]
    painting = await Painting.where(title="b").one()
    if way == "create":
        await Painting.create(title="c")
    elif way == "update":
        await painting.update(title="c")
    elif way == "destroy":
        await painting.destroy()
    elif way == "bulk":
        await Painting.where(title="b").update_all(title="c")
    elif way == "insert":
        await Painting.insert_all([{"title": "c"}, {"title": "d"}])
    else:
        async with db.transaction() as session:
            if way == "raw":
                await (await session.connection()).exec_driver_sql(
                    "UPDATE paintings SET title = 'c' WHERE title = 'b'"
                )
            else:
                session.add(Painting(title="c"))
    expected = [one.title for one in await Painting.order("title")]
    assert expected != ["a", "b"]
    assert await seen() == expected


async def test_other_tables_keep_their_answers(db: Database) -> None:
    await Painting.order("id").cached()
    await Painter.create(name="bea")
    with assert_queries(0, db):
        await Painting.order("id").cached()


async def test_what_the_database_deletes_along_is_outdated_too(db: Database) -> None:
    assert len(await Painting.order("id").cached()) == 2
    await Painter.where(name="ann").delete_all()
    assert await Painting.order("id").cached() == []


async def test_a_transaction_sees_its_own_writes_and_keeps_them_to_itself(db: Database) -> None:
    await Painting.order("id").cached()

    async def fail() -> None:
        async with db.transaction():
            await Painting.create(title="never")
            assert len(await Painting.order("id").cached()) == 3
            raise KeyError

    with pytest.raises(KeyError):
        await fail()
    with assert_queries(0, db):
        assert len(await Painting.order("id").cached()) == 2
    async with sandbox(db):
        await Painting.create(title="never")
        assert len(await Painting.order("id").cached()) == 3
    assert len(await Painting.order("id").cached()) == 2


async def test_many_at_once_ask_the_database_once(db: Database) -> None:
    with assert_queries(1, db):
        found = await asyncio.gather(*(Painting.order("id").cached().all() for _ in range(8)))
    assert all(len(rows) == 2 for rows in found)


async def test_two_databases_share_a_cache_and_no_answer(cache: Cache) -> None:
    with MODELS:
        async with Database(query_cache=cache) as one, Database(query_cache=cache) as other:
            for database in (one, other):
                await database.create_all()
            async with one.transaction():
                await Painter.create(name="only here")
            assert len(await Painter.using(one).cached()) == 1
            assert len(await Painter.using(other).cached()) == 0


async def test_answers_expire(cache: Cache) -> None:
    with MODELS:
        async with Database(query_cache=cache) as db:
            await db.create_all()
            await Painter.order("id").cached(0.05)
            await asyncio.sleep(0.1)
            with assert_queries(1, db):
                await Painter.order("id").cached(0.05)


async def test_wrong_uses_are_named(db: Database) -> None:
    with pytest.raises(ConfigurationError, match=r"leave out only\(\)"):
        await Painting.only("title").cached()
    async with Database() as bare:
        with pytest.raises(ConfigurationError, match="query_cache"):
            await Painting.using(bare).cached()
