"""A sandbox takes back whatever is written inside, by whom and however."""

from __future__ import annotations

import asyncio
from contextvars import Context
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import text

from mizzen.orm import (
    Busy,
    ConfigurationError,
    Database,
    Field,
    Model,
    NotUnique,
    OrmError,
    Relationship,
    after_commit,
)
from mizzen.orm.testing import assert_queries, sandbox, scratch_models

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Coroutine

TOLD: list[str] = []

with scratch_models() as MODELS:

    class Jar(Model):
        label: str = Field(unique=True)
        count: int = 0
        sweets: list[Sweet] = Relationship(back_populates="jar")

        @after_commit
        def tell(self) -> None:
            TOLD.append(self.label)

    class Sweet(Model):
        name: str
        jar_id: int | None = Field(default=None, foreign_key="jars.id", ondelete="CASCADE")
        jar: Jar | None = Relationship(back_populates="sweets")


@pytest.fixture(params=["memory", "inline", "postgresql", "mariadb"])
async def db(request: pytest.FixtureRequest, anyio_backend: object) -> AsyncGenerator[Database]:
    fixtures = {"postgresql": "postgres_url", "mariadb": "mariadb_url"}
    name = fixtures.get(request.param)
    url = "memory:" if name is None else request.getfixturevalue(name)
    with MODELS:
        async with Database(url, inline_reads=request.param == "inline", timeout=5) as database:
            await database.create_all()
            await Jar.create(label="before")
            TOLD.clear()
            yield database


async def labels() -> list[str]:
    return sorted(await Jar.all().pluck("label"))


async def test_every_way_to_write_is_taken_back(db: Database) -> None:
    async with sandbox(db) as same:
        assert same is db
        jar = await Jar.create(label="straight")
        await jar.update(count=3)
        await Jar.insert_all([{"label": "bulk 1"}, {"label": "bulk 2"}])
        await Sweet.create(name="plain")
        async with db.transaction() as session:
            await Jar.create(label="in a transaction")
            async with db.transaction():
                await Jar.create(label="in a savepoint")
            await session.execute(text("INSERT INTO jars (label, count) VALUES ('raw', 1)"))
        await Jar.where(label="before").update_all(count=9)
        async with db.engine.begin() as connection:
            await connection.execute(text("INSERT INTO jars (label, count) VALUES ('engine', 1)"))
        await (await Jar.find_by(label="bulk 2") or jar).destroy()
        assert await labels() == sorted(
            [
                *("before", "straight", "bulk 1", "in a transaction", "in a savepoint"),
                *("raw", "engine"),
            ]
        )
        assert (await Jar.get(jar.id)).count == 3
        assert (await Jar.where(label="before").one()).count == 9
    assert await labels() == ["before"]
    assert (await Jar.where(label="before").one()).count == 0
    assert await Sweet.all().count() == 0
    await Jar.create(label="after")
    assert await labels() == ["after", "before"]
    assert db.stats()["connections_busy"] == 0


async def test_it_is_rolled_back_after_an_error_too(db: Database) -> None:
    with pytest.raises(KeyError):
        async with sandbox(db):
            await Jar.create(label="x")
            raise KeyError
    assert await labels() == ["before"]


async def test_what_fails_inside_fails_alone(db: Database) -> None:
    async def refused() -> None:
        async with db.transaction():
            await Jar.create(label="never")
            await Jar.create(label="kept")

    async with sandbox(db):
        await Jar.create(label="kept")
        with pytest.raises(NotUnique):
            await Jar.create(label="kept")
        with pytest.raises(NotUnique):
            await refused()
        with pytest.raises(NotUnique):
            await Jar.insert_all([{"label": "a"}, {"label": "kept"}])
        with pytest.raises(OrmError):
            await db.sql("SELECT nothing FROM jars")
        with pytest.raises(KeyError):
            async with db.transaction():
                await Jar.create(label="never")
                raise KeyError
        await Jar.create(label="more")
        assert await labels() == ["before", "kept", "more"]
    assert await labels() == ["before"]


async def test_concurrent_tasks_lose_nothing(db: Database) -> None:
    async def count(key: Any) -> None:
        async with db.transaction():
            jar = await Jar.get(key)
            await asyncio.sleep(0)
            await jar.update(count=jar.count + 1)

    async def beside(number: int) -> None:
        await Jar.create(label=f"n{number}")
        assert await Jar.where(label=f"n{number}").count() == 1
        with pytest.raises(NotUnique):
            await Jar.create(label="before")
        with pytest.raises(OrmError):
            await db.sql("SELECT nothing")

    async with sandbox(db):
        jar = await Jar.create(label="shared")
        await asyncio.gather(*(count(jar.id) for _ in range(15)), *map(beside, range(15)))
        assert (await Jar.get(jar.id)).count == 15
        assert await Jar.where(label__startswith="n").count() == 15
    assert await labels() == ["before"]


async def test_after_commit_runs_as_if_it_were_committed(db: Database) -> None:
    async with sandbox(db):
        await Jar.create(label="a")
        assert TOLD == ["a"]
        async with db.transaction():
            await Jar.create(label="b")
            assert TOLD == ["a"]
        assert TOLD == ["a", "b"]
        with pytest.raises(KeyError):
            async with db.transaction():
                await Jar.create(label="c")
                raise KeyError
    assert TOLD == ["a", "b"]


async def test_relations_sessions_and_counts_work_inside(db: Database) -> None:
    async with sandbox(db):
        jar = await Jar.create(label="full")
        await Sweet.insert_all([{"name": "s", "jar_id": jar.id} for _ in range(3)])
        (found,) = await Jar.where(label="full").include("sweets")
        assert len(found.sweets) == 3
        sweet = await Sweet.where(jar_id=jar.id).first()
        assert sweet is not None
        awaited: Any = sweet.jar
        assert (await awaited).label == "full"
        async with db.session() as session:
            assert (await session.scalar(text("SELECT count(*) FROM sweets"))) == 3
            await Jar.create(label="within a session")
        with assert_queries(1):
            await Jar.get(jar.id)
        async with db.transaction(readonly=True):
            assert await Sweet.all().count() == 3
        assert [each.label async for each in Jar.where(label="full")] == ["full"]
    assert await Sweet.all().count() == 0


async def test_sandboxes_nest(db: Database) -> None:
    async with sandbox(db):
        await Jar.create(label="outer")
        async with sandbox(db):
            await Jar.create(label="inner")
            async with db.transaction():
                await Jar.create(label="deep")
            assert await labels() == ["before", "deep", "inner", "outer"]
        assert await labels() == ["before", "outer"]
        await Jar.create(label="again")
    assert await labels() == ["before"]


async def test_a_transaction_that_waits_for_another_is_told(db: Database) -> None:
    async with sandbox(db):
        async with db.transaction():
            await Jar.create(label="holds the turn")
            other = asyncio.create_task(Jar.using(db).create(label="x"), context=Context())
            with pytest.raises(Busy, match="sandbox"):
                await other
        await Jar.create(label="y")
    assert await labels() == ["before"]


@pytest.mark.parametrize("what", ["create", "read", "transaction"])
async def test_cancelling_at_any_moment_leaves_a_usable_sandbox(db: Database, what: str) -> None:
    async def in_transaction() -> None:
        async with db.transaction():
            await Jar.create(label="cancelled")
            await Jar.all().count()

    work: dict[str, Callable[[], Coroutine[Any, Any, object]]] = {
        "create": lambda: Jar.create(label="cancelled"),
        "read": lambda: Jar.all().count(),
        "transaction": in_transaction,
    }
    async with sandbox(db):
        for waits in range(12):
            task = asyncio.create_task(work[what]())
            for _ in range(waits):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait([task])
            await Jar.where(label="cancelled").delete_all()
        await Jar.create(label="after")
        assert await labels() == ["after", "before"]
    assert await labels() == ["before"]


async def test_wrong_uses_are_named(db: Database) -> None:
    async with db.transaction():
        with pytest.raises(ConfigurationError, match="outside"):
            async with sandbox(db):
                pass
    async with sandbox(db):
        with pytest.raises(ConfigurationError, match="migrations"):
            await db.migrations("nowhere").up()


async def test_the_fixture_is_a_sandbox(
    mizzen_models: None, mizzen_sandbox: Database, mizzen_db: Database
) -> None:
    with MODELS:
        await mizzen_sandbox.create_all()
        await Jar.create(label="x")
        assert mizzen_sandbox is mizzen_db
        assert await labels() == ["x"]
