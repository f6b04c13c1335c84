"""Isolation and readonly belong to one transaction, and nothing of them stays on its connection."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from contextvars import Context
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import text

from mizzen.orm import ConfigurationError, Database, Field, Model, NotUnique, ReadOnly
from mizzen.orm.testing import scratch_models

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Coroutine

MODELS = scratch_models()

with MODELS:

    class Account(Model):
        name: str = Field(unique=True, max_length=80)
        balance: int = 0


SERVERS = [
    pytest.param("postgres_url", id="postgresql"),
    pytest.param("mariadb_url", id="mariadb", marks=pytest.mark.extra("asyncmy")),
]


@pytest.fixture
def sqlite_url(tmp_path: Any) -> str:
    return f"sqlite:///{tmp_path}/a.db"


@pytest.fixture(params=["sqlite_url", *SERVERS])
async def db(request: pytest.FixtureRequest, anyio_backend: object) -> AsyncGenerator[Database]:
    async with opened(request.getfixturevalue(request.param)) as database:
        yield database


@pytest.fixture(params=SERVERS)
async def server(request: pytest.FixtureRequest, anyio_backend: object) -> AsyncGenerator[Database]:
    async with opened(request.getfixturevalue(request.param)) as database:
        yield database


@asynccontextmanager
async def opened(url: str) -> AsyncGenerator[Database]:
    with MODELS:
        async with Database(url, connections=1) as database:
            await database.create_all()
            yield database


ASK = {
    "postgresql": "SELECT current_setting('transaction_isolation')",
    "mariadb": "SELECT @@tx_isolation",  # the session's, which the transaction must leave alone
    "mysql": "SELECT @@tx_isolation",
}


async def elsewhere(work: Coroutine[Any, Any, Any]) -> Any:
    """Run *work* as a task that knows of no transaction."""
    return await asyncio.create_task(work, context=Context())


async def level(db: Database) -> str:
    return str((await db.sql(ASK[db.engine.dialect.name]))[0][0]).lower().replace("-", " ")


async def test_a_repeatable_read_sees_one_state(server: Database) -> None:
    await Account.create(name="ann", balance=1)
    async with server.transaction(isolation="repeatable read"):
        assert await Account.all().sum("balance") == 1
        await elsewhere(Account.using(server).create(name="bob", balance=5))
        assert await Account.all().sum("balance") == 1
    async with server.transaction():
        assert await Account.all().sum("balance") == 6
        await elsewhere(Account.using(server).create(name="cleo", balance=5))
        assert await Account.all().sum("balance") == 11


@pytest.mark.parametrize("isolation", ["serializable", "REPEATABLE_READ", "read-uncommitted"])
async def test_the_pool_gets_its_connections_back_as_they_were(
    server: Database, isolation: str
) -> None:
    usual = await level(server)

    async def fail() -> None:
        async with server.transaction(isolation=isolation, readonly=True):
            await Account.create(name="refused")

    async with server.transaction(isolation=isolation) as session:
        await Account.create(name="ann")
        if server.engine.dialect.name == "postgresql":
            found = (await session.execute(text(ASK["postgresql"]))).scalar_one()
            assert found == isolation.lower().replace("_", " ").replace("-", " ")
    with pytest.raises(ReadOnly):
        await fail()
    async with server.transaction(isolation=isolation, readonly=True):
        pass  # nothing asked: nothing may be left over for the next one either
    for waits in range(8):
        task = asyncio.create_task(fail())
        for _ in range(waits * 3):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    for _ in range(3):
        async with server.transaction():
            await Account.where(name="ann").update_all(balance=Account.balance + 1)
            assert await level(server) == usual
        assert await level(server) == usual
    assert (await Account.where(name="ann").one()).balance == 3


async def test_a_readonly_transaction_refuses_writes(db: Database) -> None:
    await Account.create(name="ann", balance=1)
    for write in (
        lambda: Account.create(name="bob"),
        lambda: Account.insert_all([{"name": "bob"}]),
        lambda: Account.all().update_all(balance=9),
        lambda: Account.all().delete_all(),
    ):
        with pytest.raises(ReadOnly):
            async with db.transaction(readonly=True):
                assert await Account.all().count() == 1
                await write()
    assert [each.balance for each in await Account.all()] == [1]


async def test_a_readonly_transaction_sees_one_state_and_stops_nobody(db: Database) -> None:
    await Account.create(name="ann")
    isolation = None if db.engine.dialect.name == "sqlite" else "repeatable read"
    async with db.transaction(isolation=isolation, readonly=True):
        assert await Account.all().count() == 1
        await asyncio.wait_for(elsewhere(Account.using(db).create(name="bob")), 5)
        assert await Account.all().count() == 1
        async with db.transaction():
            assert await Account.all().pluck("name") == ["ann"]
    assert await Account.all().count() == 2


async def test_a_savepoint_has_the_isolation_of_its_transaction(db: Database) -> None:
    async with db.transaction(isolation="serializable"):
        async with db.transaction(isolation="serializable"):
            await Account.create(name="ann")
        with pytest.raises(NotUnique):
            async with db.transaction():
                await Account.create(name="ann")
    for outer in (None, "serializable"):
        async with db.transaction(isolation=outer):
            with pytest.raises(ConfigurationError, match="savepoint"):
                async with db.transaction(readonly=True):
                    pass
            await Account.create(name=f"still works {outer}")
    assert await Account.all().count() == 3


async def test_a_savepoint_of_another_isolation_is_refused(server: Database) -> None:
    async with server.transaction():
        with pytest.raises(ConfigurationError, match="the outermost one began with the database's"):
            async with server.transaction(isolation="serializable"):
                pass
    async with server.transaction(isolation="repeatable read"):
        with pytest.raises(ConfigurationError, match="began with repeatable read"):
            async with server.transaction(isolation="serializable"):
                pass
        await Account.create(name="ann")
    assert await Account.all().count() == 1


async def test_a_level_that_the_database_does_not_know_is_explained(db: Database) -> None:
    with pytest.raises(ConfigurationError, match='not isolation="snapshot"'):
        db.transaction(isolation="snapshot")


async def test_sqlite_is_always_serializable(sqlite_url: str, anyio_backend: object) -> None:
    async with opened(sqlite_url) as db:
        with pytest.raises(ConfigurationError, match="leave `isolation` out"):
            db.transaction(isolation="read committed")
        async with db.transaction(), db.transaction(isolation="Serializable"):
            await Account.create(name="ann")
        assert await Account.all().count() == 1


async def test_isolation_and_a_schema_go_together(postgres_url: str, anyio_backend: object) -> None:
    async with opened(postgres_url) as db:
        with db.schema("public"):
            async with db.transaction(isolation="serializable", readonly=True) as session:
                asked = "SELECT current_setting('search_path'), current_setting('{}')"
                found = await session.execute(text(asked.format("transaction_isolation")))
                assert found.one() == ('"public"', "serializable")
                found = await session.execute(text(asked.format("transaction_read_only")))
                assert found.one()[1] == "on"
        assert (await db.sql("SHOW search_path"))[0][0] != '"public"'


def test_the_sync_facade_takes_the_same_options(tmp_path: Any) -> None:
    with MODELS, Database(f"sqlite:///{tmp_path}/a.db").sync as sync:
        sync.create_all()
        with sync.transaction(isolation="serializable"):
            sync(Account).create(name="ann")
        with pytest.raises(ReadOnly), sync.transaction(readonly=True):
            sync(Account).create(name="bob")
        assert sync(Account).count() == 1
