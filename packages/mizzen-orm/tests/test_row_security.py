"""Roles, claims and schemas for a block: PostgreSQL's row level security, and no trace after it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from sqlalchemy import text

from mizzen.orm import (
    ConfigurationError,
    Database,
    Field,
    Model,
    NotFound,
    OrmError,
    QueryFailed,
    Relationship,
    SearchIndex,
    all_tenants,
)
from mizzen.orm.testing import scratch_models

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

pytestmark = pytest.mark.extra("psycopg")
MODELS = scratch_models()

with MODELS:

    class Diary(Model):
        owner: str
        text: str = ""
        entries: list[Entry] = Relationship(back_populates="diary")
        search = SearchIndex("text")

    class Entry(Model):
        line: str
        diary_id: int | None = Field(default=None, foreign_key="diaries.id")
        diary: Diary | None = Relationship(back_populates="entries")


OWN = "owner = (current_setting('request.jwt.claims', true)::json ->> 'sub')"
NOW = text(
    "SELECT current_user, current_setting('request.jwt.claims', true), "
    "current_setting('search_path')"
)


@pytest.fixture
async def db(postgres_url: str, anyio_backend: object) -> AsyncGenerator[Database]:
    """One connection at a time, so that each statement gets the one that the last left."""
    with MODELS:
        async with Database(postgres_url, connections=1) as database:
            await database.create_all()
            await prepare(database)
            await Diary.create(owner="ann", text="rain")
            await Diary.create(owner="bea", text="rain")
            await Entry.create(line="a", diary_id=1)
            await Entry.create(line="b", diary_id=2)
            yield database
            await clean(database)


async def prepare(db: Database) -> None:
    await clean(db)
    async with db.engine.begin() as connection:
        for statement in (
            "CREATE ROLE mizzen_reader NOLOGIN",
            "CREATE ROLE mizzen_bypass NOLOGIN BYPASSRLS",
            "CREATE ROLE mizzen_owner NOLOGIN",
            "GRANT mizzen_reader, mizzen_bypass, mizzen_owner TO current_user",
            "GRANT USAGE ON SCHEMA public TO mizzen_reader",
            "GRANT ALL ON ALL TABLES IN SCHEMA public TO mizzen_reader",
            "GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO mizzen_reader",
        ):
            await connection.execute(text(statement))
    await db.meta.enable_rls("diaries")
    await db.meta.create_policy("diaries", "own", using=text(OWN), check=text(OWN))


async def clean(db: Database) -> None:
    async with db.engine.begin() as connection:
        for role in ("mizzen_reader", "mizzen_bypass", "mizzen_owner"):
            if await connection.scalar(text("SELECT to_regrole(:r)"), {"r": role}):
                await connection.execute(text("ALTER TABLE diaries OWNER TO current_user"))
                await connection.execute(text(f"DROP OWNED BY {role}"))
                await connection.execute(text(f"DROP ROLE {role}"))


def loose(value: Any) -> Any:
    return value


async def settings(db: Database) -> tuple[Any, ...]:
    """Return what the next one to use the connection finds."""
    async with db.engine.connect() as connection:
        user, claims, path = (await connection.execute(NOW)).one()
        return user, claims or None, path


async def test_a_policy_holds_for_reads_and_writes_of_the_block(db: Database) -> None:
    with db.acting_as("mizzen_reader", claims={"sub": "ann", "role": "mizzen_reader"}):
        assert [one.owner for one in await Diary.all()] == ["ann"]
        assert await Diary.count() == 1
        assert await Diary.find(2) is None
        assert [one.owner async for one in Diary.all()] == ["ann"]
        assert await Diary.matching("rain").pluck("owner") == ["ann"]
        entries = await Entry.order("id").include("diary")
        assert [None if one.diary is None else one.diary.owner for one in entries] == ["ann", None]
        lazy = [await loose(one.diary) for one in await Entry.order("id")]
        assert [one and one.owner for one in lazy] == ["ann", None]
        assert len(await db.sql("SELECT * FROM diaries")) == 1
        assert await Diary.all().update_all(text="sun") == 1
        assert await Diary.where(owner="bea").delete_all() == 0
        await (await Diary.get(1)).update(text="snow")
        made = await Diary.create(owner="ann")
        with pytest.raises(OrmError, match="row-level security"):
            await Diary.create(owner="bea")
        with pytest.raises(OrmError, match="row-level security"):
            await Diary.insert_all([{"owner": "bea"}, {"owner": "bea"}])
        async with db.transaction() as session:
            assert await session.scalar(text("SELECT current_user")) == "mizzen_reader"
            assert await Diary.count() == 2
            async with db.transaction():
                await made.destroy()
        async with db.session():
            assert [one.text for one in await Diary.all()] == ["snow"]
    assert await Diary.count() == 2


async def test_a_row_of_another_is_gone_for_a_save(db: Database) -> None:
    other = await Diary.get(2)
    with db.acting_as("mizzen_reader", claims={"sub": "ann"}):
        with pytest.raises(NotFound):
            await other.update(text="mine")
        with pytest.raises(NotFound):
            await other.destroy()
    assert (await Diary.get(2)).text == "rain"


async def test_nothing_of_a_block_survives_the_pool(db: Database) -> None:
    before = await settings(db)
    assert before[1] is None
    async with db.engine.begin() as connection:
        await connection.execute(text("CREATE SCHEMA kept"))
    with db.acting_as("mizzen_reader", claims={"sub": "ann"}), db.schema("kept", shared=["public"]):
        assert await Diary.count() == 1
        async with db.transaction() as session:
            user, claims, path = (await session.execute(NOW)).one()
            assert (user, claims, path) == ("mizzen_reader", '{"sub": "ann"}', '"kept", "public"')
    assert await settings(db) == before
    with db.acting_as("mizzen_reader", claims={"sub": "ann"}), pytest.raises(QueryFailed):
        await db.sql("SELECT nothing")
    assert await settings(db) == before
    with db.acting_as("mizzen_reader", claims={"sub": "ann"}):
        async with db.transaction() as session:
            await session.execute(NOW)
            await session.commit()
            assert (await session.execute(NOW)).one()[0] == "mizzen_reader"
            await session.rollback()
            assert (await session.execute(NOW)).one()[0] == "mizzen_reader"
    assert await settings(db) == before


@pytest.mark.parametrize("delay", [0.0, 0.002, 0.01, 0.05])
async def test_a_cancelled_block_leaves_nothing(db: Database, delay: float) -> None:
    before = await settings(db)

    async def work() -> None:
        with db.acting_as("mizzen_reader", claims={"sub": "ann"}):
            async with db.transaction() as session:
                await Diary.count()
                await session.execute(text("SELECT pg_sleep(0.2)"))

    task = asyncio.create_task(work())
    await asyncio.sleep(delay)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await settings(db) == before
    with anyio.move_on_after(delay):
        await work()
    assert await settings(db) == before
    assert await Diary.count() == 2


async def test_tasks_act_each_in_their_own_name(postgres_url: str, db: Database) -> None:
    async def mine(name: str) -> set[str]:
        with db.acting_as("mizzen_reader", claims={"sub": name}):
            found = [one for _ in range(5) for one in await Diary.all()]
            return {one.owner for one in found}

    names = ["ann", "bea", "cleo"] * 3
    found = await asyncio.gather(*map(mine, names))
    assert found == [{name} if name != "cleo" else set() for name in names]


async def test_roles_that_stand_above_row_security_are_refused(db: Database) -> None:
    with db.acting_as("mizzen_bypass"), pytest.raises(ConfigurationError, match="BYPASSRLS"):
        await Diary.count()
    me = (await settings(db))[0]
    with db.acting_as(me), pytest.raises(ConfigurationError, match=r"superuser|owns"):
        await Diary.count()
    with db.acting_as(claims={}), pytest.raises(ConfigurationError, match=r"superuser|owns"):
        await Diary.count()
    with db.acting_as("nobody"), pytest.raises(ConfigurationError, match="no role 'nobody'"):
        await Diary.count()


async def test_an_owner_is_refused_unless_row_security_is_forced(db: Database) -> None:
    async with db.engine.begin() as connection:
        await connection.execute(text("ALTER TABLE diaries OWNER TO mizzen_owner"))
    with db.acting_as("mizzen_owner"), pytest.raises(ConfigurationError, match="owns diaries"):
        await Diary.count()
    await db.meta.enable_rls("diaries", force=True)
    with db.acting_as("mizzen_owner", claims={"sub": "bea"}):
        assert await Diary.all().pluck("owner") == ["bea"]


async def test_a_refused_transaction_stays_refused(db: Database) -> None:
    with db.acting_as("mizzen_bypass"), pytest.raises(OrmError):
        async with db.transaction() as session:
            for _ in range(3):
                with pytest.raises(Exception, match=r"BYPASSRLS|rolled back|rollback"):
                    await session.execute(text("SELECT * FROM diaries"))
            await Diary.count()
    assert await Diary.count() == 2


async def test_a_block_begins_before_its_transaction(db: Database) -> None:
    async with db.transaction():
        with pytest.raises(ConfigurationError, match="inside of the block"):
            db.acting_as("mizzen_reader").__enter__()
    with pytest.raises(ConfigurationError, match="a role, claims or both"):
        db.acting_as().__enter__()
    with pytest.raises(ConfigurationError, match="JSON"):
        db.acting_as(claims={"sub": object()}).__enter__()


async def test_each_schema_has_rows_of_its_own(db: Database) -> None:
    names = ["acme", 'odd "name"; DROP SCHEMA acme; --']
    for name in names:
        await db.create_all(schema=name)
        await db.create_all(schema=name)  # nothing is missing
        with db.schema(name):
            made = await Diary.create(owner=name, text="storm")
            assert made.id == 1
    for name in names:
        with db.schema(name):
            assert await Diary.all().pluck("owner") == [name]
            assert (await Diary.get(1)).owner == name
            assert await Diary.matching("storm").count() == 1
            await Entry.insert_all([{"line": "x", "diary_id": 1}] * 3)
            assert [len(one.entries) for one in await Diary.all().include("entries")] == [3]
            async with db.transaction():
                assert await Diary.where(text="storm").update_all(text="calm") == 1
            assert [one[0] for one in await db.sql("SELECT owner FROM diaries")] == [name]
    assert await Diary.order("id").pluck("owner") == ["ann", "bea"]
    assert await Entry.count() == 2


async def test_a_schema_that_is_not_there_is_an_error(db: Database) -> None:
    with db.schema("nowhere"), pytest.raises(ConfigurationError, match="no schema 'nowhere'"):
        await Diary.all()
    async with db.engine.begin() as connection:
        await connection.execute(text("CREATE SCHEMA empty"))
    with db.schema("empty"), pytest.raises(QueryFailed, match="diaries"):
        await Diary.all()  # never another schema's table
    with db.schema("empty", shared=["public"]):
        assert await Diary.count() == 2


def test_the_sync_facade_has_both(postgres_url: str) -> None:
    with MODELS, Database(postgres_url).sync as s:
        s.create_all()
        s.create_all(schema="acme")
        with s.schema("acme"):
            s(Diary).create(owner="ann")
            assert s(Diary).pluck("owner") == ["ann"]
        assert s(Diary).count() == 0
        with s.acting_as("nobody"), pytest.raises(ConfigurationError, match="no role"):
            s(Diary).count()


async def test_other_databases_have_neither(tmp_path: Any) -> None:
    with MODELS:
        async with Database("memory:") as other:
            for block in (other.schema("a"), other.acting_as("b")):
                with pytest.raises(ConfigurationError, match="PostgreSQL"):
                    block.__enter__()
            with pytest.raises(ConfigurationError, match="PostgreSQL"):
                await other.create_all(schema="a")
            with all_tenants():
                await other.create_all()
