"""A locked row is read as it is now, and stays so until the transaction ends."""

from __future__ import annotations

import asyncio
from contextvars import Context
from typing import TYPE_CHECKING, Any

import pytest

from mizzen.orm import (
    Busy,
    ConfigurationError,
    Database,
    Field,
    Model,
    NotFound,
    OrmError,
    Relationship,
)
from mizzen.orm.testing import scratch_models

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Coroutine

MODELS = scratch_models()

with MODELS:

    class Owner(Model):
        name: str = Field(max_length=80)
        accounts: list[Account] = Relationship(back_populates="owner")

    class Account(Model):
        name: str = Field(unique=True, max_length=80)
        balance: int = 0
        owner_id: int | None = Field(default=None, foreign_key="owners.id")
        owner: Owner | None = Relationship(back_populates="accounts")


POSTGRES = pytest.param("postgres_url", id="postgresql")
MARIA = pytest.param("mariadb_url", id="mariadb", marks=pytest.mark.extra("asyncmy"))


@pytest.fixture
def sqlite_url(tmp_path: Any) -> str:
    return f"sqlite:///{tmp_path}/a.db"


@pytest.fixture(params=["sqlite_url", POSTGRES, MARIA])
async def db(request: pytest.FixtureRequest, anyio_backend: object) -> AsyncGenerator[Database]:
    with MODELS:
        async with Database(request.getfixturevalue(request.param)) as database:
            await database.create_all()
            yield database


@pytest.fixture(params=[POSTGRES, MARIA])
async def server(request: pytest.FixtureRequest, anyio_backend: object) -> AsyncGenerator[Database]:
    with MODELS:
        async with Database(request.getfixturevalue(request.param)) as database:
            await database.create_all()
            yield database


async def elsewhere(work: Coroutine[Any, Any, Any]) -> Any:
    return await asyncio.create_task(work, context=Context())


async def test_thirty_increments_of_rows_read_before_lose_none(db: Database) -> None:
    await Account.create(name="ann")

    async def increment() -> None:
        stale = await Account.where(name="ann").one()
        async with db.transaction():
            await stale.lock()
            await stale.update(balance=stale.balance + 1)

    await asyncio.gather(*(increment() for _ in range(30)))
    assert (await Account.where(name="ann").one()).balance == 30


async def test_a_locked_row_waits_and_others_do_not(server: Database) -> None:
    ann, bob = await Account.create(name="ann"), await Account.create(name="bob")
    held, go = asyncio.Event(), asyncio.Event()

    async def hold() -> None:
        async with server.transaction():
            assert await ann.lock() is ann
            held.set()
            await go.wait()
            await ann.update(balance=7)

    async def late() -> int:
        async with server.transaction():
            mine = await Account.where(name="ann").one()
            return (await mine.lock()).balance

    holder = asyncio.create_task(hold())
    await held.wait()
    await bob.update(balance=1)
    waiting = asyncio.create_task(late())
    async with server.transaction():
        other = await Account.where(name="ann").one()
        with pytest.raises(Busy):
            async with server.transaction():
                await other.lock(nowait=True)
        await Account.where(name="bob").update_all(balance=2)
    assert not waiting.done()
    go.set()
    await holder
    assert await waiting == 7
    assert server.stats()["connections_busy"] == 0


async def test_a_locked_row_keeps_its_relations_and_can_be_locked_twice(db: Database) -> None:
    owner = await Owner.create(name="o")
    await Account.create(name="ann", owner_id=owner.id)
    (ann,) = await Account.all().include("owner")
    async with db.transaction():
        await ann.lock()
        await ann.lock()
        assert ann.owner is not None
        assert ann.owner.name == "o"
        await ann.update(balance=1)
        await ann.lock()
        assert ann.balance == 1
    assert (await Account.get(ann.id)).balance == 1


async def test_a_lock_outside_a_transaction_is_refused(db: Database) -> None:
    ann = await Account.create(name="ann")
    with pytest.raises(ConfigurationError, match=r"lock\(\) outside a transaction"):
        await ann.lock()
    async with db.session():
        with pytest.raises(ConfigurationError, match="outside a transaction"):
            await ann.lock()


async def test_a_lock_never_loses_what_was_changed(db: Database) -> None:
    ann = await Account.create(name="ann")
    ann.balance = 5
    async with db.transaction():
        with pytest.raises(ConfigurationError, match="balance"):
            await ann.lock()
        await ann.save()
        await ann.lock()
    assert ann.balance == 5


async def test_a_row_that_is_gone_or_new_is_told(db: Database) -> None:
    ann = await Account.create(name="ann")
    await Account.all().delete_all()
    for row in (ann, Account(name="never saved")):
        with pytest.raises(NotFound):
            async with db.transaction():
                await row.lock()
    with pytest.raises(OrmError):
        async with db.transaction(readonly=True):
            await ann.lock()
