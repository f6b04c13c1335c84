"""A transaction that met another runs again; one that failed for any other reason does not."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import asynccontextmanager, closing
from contextvars import Context
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import text

from mizzen.orm import (
    Busy,
    ConfigurationError,
    Conflict,
    Database,
    Field,
    Model,
    NotUnique,
    after_commit,
    after_rollback,
)
from mizzen.orm.drivers import sqlite
from mizzen.orm.testing import scratch_models

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Coroutine

MODELS = scratch_models()

with MODELS:

    class Account(Model):
        name: str = Field(unique=True, max_length=80)
        balance: int = 0

    class Told(Model):
        name: str = Field(max_length=80)

        @after_commit
        def note_commit(self) -> None:
            HEARD.append(f"committed {self.name}")

        @after_rollback
        def note_rollback(self) -> None:
            HEARD.append(f"rolled back {self.name}")


HEARD: list[str] = []

POSTGRES = pytest.param("postgres_url", id="postgresql")
MARIA = pytest.param("mariadb_url", id="mariadb", marks=pytest.mark.extra("asyncmy"))


@pytest.fixture
def sqlite_url(tmp_path: Any) -> str:
    return f"sqlite:///{tmp_path}/a.db"


@pytest.fixture(params=["sqlite_url", POSTGRES, MARIA])
async def db(request: pytest.FixtureRequest, anyio_backend: object) -> AsyncGenerator[Database]:
    async with opened(request.getfixturevalue(request.param)) as database:
        yield database


@pytest.fixture(params=[POSTGRES, MARIA])
async def server(request: pytest.FixtureRequest, anyio_backend: object) -> AsyncGenerator[Database]:
    async with opened(request.getfixturevalue(request.param)) as database:
        yield database


@asynccontextmanager
async def opened(url: str) -> AsyncGenerator[Database]:
    HEARD.clear()
    with MODELS:
        async with Database(url) as database:
            await database.create_all()
            yield database


async def apart(*works: Coroutine[Any, Any, Any]) -> list[Any]:
    """Run *works* side by side, each as a task that knows of no transaction."""
    tasks = [asyncio.create_task(work, context=Context()) for work in works]
    return await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_block_that_meets_nobody_runs_once(db: Database) -> None:
    numbers: list[int] = []
    async for attempt in db.attempts():
        async with attempt as session:
            numbers.append(attempt.number)
            await Account.create(name="ann")
            found = await session.execute(text("SELECT count(*) FROM accounts"))
            assert found.scalar_one() == 1
    assert numbers == [1]
    assert await Account.all().count() == 1
    assert db.stats()["retries_total"] == 0


async def test_two_that_wait_for_each_other_both_end(server: Database) -> None:
    ann, bob = await Account.create(name="ann"), await Account.create(name="bob")
    holding = asyncio.Barrier(2)
    ran = {"x": 0, "y": 0}

    async def transfer(who: str, first: Account, second: Account) -> None:
        async for attempt in server.attempts():
            async with attempt:
                ran[who] += 1
                await Account.where(id=first.id).update_all(balance=Account.balance + 1)
                if attempt.number == 1:
                    await holding.wait()  # now each has what the other wants
                await Account.where(id=second.id).update_all(balance=Account.balance + 1)

    with MODELS:
        done = await apart(transfer("x", ann, bob), transfer("y", bob, ann))
    assert done == [None, None]
    assert sorted(ran.values()) == [1, 2]
    assert [each.balance for each in await Account.all()] == [2, 2]
    assert server.stats()["retries_total"] == 1
    assert server.stats()["connections_busy"] == 0


async def test_write_skew_is_run_again_and_leaves_no_contradiction(
    postgres_url: str, anyio_backend: object
) -> None:
    async with opened(postgres_url) as db:
        for name in ("ann", "bob"):
            await Account.create(name=name, balance=100)
        read = asyncio.Barrier(2)
        ran: list[str] = []

        async def withdraw(name: str) -> None:
            async for attempt in db.attempts(isolation="serializable"):
                async with attempt:
                    ran.append(name)
                    total = await Account.all().sum("balance")
                    if attempt.number == 1:
                        await read.wait()
                    if total >= 200:  # together they keep at least 100
                        await Account.where(name=name).update_all(balance=0)

        with MODELS:
            assert await apart(withdraw("ann"), withdraw("bob")) == [None, None]
        assert len(ran) == 3
        assert await Account.all().sum("balance") == 100


async def test_forty_serializable_increments_lose_none(
    postgres_url: str, anyio_backend: object
) -> None:
    async with opened(postgres_url) as db:
        await Account.create(name="ann")

        async def increment() -> None:
            async for attempt in db.attempts(tries=60, isolation="serializable", pause="5ms"):
                async with attempt:
                    ann = await Account.where(name="ann").one()
                    await ann.update(balance=ann.balance + 1)

        with MODELS:
            assert await apart(*(increment() for _ in range(40))) == [None] * 40
        assert (await Account.where(name="ann").one()).balance == 40


async def test_a_file_that_another_program_locks_is_tried_again(
    tmp_path: Any, anyio_backend: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "_OPTIONS", {**vars(sqlite)["_OPTIONS"], "timeout": 0.05})
    async with opened(f"sqlite:///{tmp_path}/a.db") as db:
        with closing(sqlite3.connect(tmp_path / "a.db", isolation_level=None)) as stranger:
            stranger.execute("BEGIN IMMEDIATE")  # without taking the lane
            tries = 0
            async for attempt in db.attempts(pause="1ms"):
                async with attempt:
                    tries += 1
                    if tries == 3:
                        stranger.execute("ROLLBACK")
                    await Account.create(name="ann")
        assert tries == 3
        assert await Account.all().pluck("name") == ["ann"]


@pytest.mark.parametrize("tries", [1, 3])
async def test_the_last_conflict_is_raised_with_its_cause(db: Database, tries: int) -> None:
    cause = Conflict("met another")
    numbers: list[int] = []

    async def run() -> None:
        async for attempt in db.attempts(tries, pause="1ms"):
            async with attempt:
                numbers.append(attempt.number)
                await Account.create(name="ann")
                raise cause

    with pytest.raises(Conflict, match=f"tried {tries} times.*met another") as caught:
        await run()
    assert isinstance(caught.value, Busy)
    assert caught.value.__cause__ is cause
    assert numbers == list(range(1, tries + 1))
    assert await Account.all().count() == 0


async def test_other_errors_end_the_loop_at_once(db: Database) -> None:
    await Account.create(name="ann")
    runs = 0

    async def run(error: Exception | None) -> None:
        nonlocal runs
        async for attempt in db.attempts():
            async with attempt:
                runs += 1
                await Account.create(name="bob")
                if error is not None:
                    raise error
                await Account.create(name="ann")

    with pytest.raises(NotUnique):
        await run(None)
    with pytest.raises(KeyError):
        await run(KeyError("x"))
    with pytest.raises(Busy):
        await run(Busy("no turn within the timeout: waiting again would not be bounded"))
    assert runs == 3
    assert await Account.all().pluck("name") == ["ann"]


async def test_a_conflict_out_of_a_task_group_counts(db: Database) -> None:
    runs = 0

    async def meet() -> None:
        if runs == 1:
            raise Conflict("met another")
        await Account.create(name="ann")

    async for attempt in db.attempts(pause="1ms"):
        async with attempt, asyncio.TaskGroup() as group:
            runs += 1
            group.create_task(meet())
    assert runs == 2
    assert await Account.all().count() == 1


async def test_what_fails_after_the_commit_does_not_run_the_block_again(db: Database) -> None:
    runs = 0

    class Noisy(Model):
        name: str = Field(max_length=80)

        @after_commit
        def meet(self) -> None:
            raise Conflict("a callback's own transaction met another")

    await db.create_all()

    async def run() -> None:
        nonlocal runs
        async for attempt in db.attempts():
            async with attempt:
                runs += 1
                await Noisy.create(name="x")

    with pytest.raises(Exception, match="callback's own"):
        await run()
    assert runs == 1
    assert await Noisy.all().count() == 1


async def test_callbacks_hear_of_each_attempt(db: Database) -> None:
    async for attempt in db.attempts(pause="1ms"):
        async with attempt:
            await Told.create(name=str(attempt.number))
            if attempt.number == 1:
                raise Conflict("met another")
    assert HEARD == ["rolled back 1", "committed 2"]


async def test_an_inner_savepoint_that_fails_is_no_attempt(db: Database) -> None:
    async for attempt in db.attempts():
        async with attempt:
            await Account.create(name="ann")
            with pytest.raises(NotUnique):
                async with db.transaction():
                    await Account.create(name="ann")
            await Account.create(name="bob")
    assert await Account.order("name").pluck("name") == ["ann", "bob"]


async def test_attempts_inside_a_transaction_are_refused(db: Database) -> None:
    async with db.transaction():
        with pytest.raises(ConfigurationError, match="outermost"):
            async for _ in db.attempts():
                pass
        await Account.create(name="ann")
    async for attempt in db.attempts():
        async with attempt:
            with pytest.raises(ConfigurationError, match="outermost"):
                async for _ in db.attempts():
                    pass
    assert await Account.all().count() == 1


async def test_wrong_use_is_told(db: Database) -> None:
    with pytest.raises(ConfigurationError, match="one try or more"):
        db.attempts(0)
    with pytest.raises(ConfigurationError, match="was not used"):
        async for _ in db.attempts():
            pass
    async for attempt in db.attempts():
        async with attempt:
            pass
        with pytest.raises(ConfigurationError, match="used once"):
            async with attempt:
                pass


def test_the_sync_facade_attempts_too(tmp_path: Any) -> None:
    with MODELS, Database(f"sqlite:///{tmp_path}/a.db").sync as sync:
        sync.create_all()
        runs = 0
        for attempt in sync.attempts(3, pause="1ms"):
            with attempt:
                runs += 1
                sync(Account).create(name="ann")
                if runs == 1:
                    raise Conflict("met another")
        assert runs == 2
        assert sync(Account).count() == 1
        with pytest.raises(Conflict, match="tried 2 times"):
            for attempt in sync.attempts(2, pause="1ms"):
                with attempt:
                    sync(Account).create(name="bob")
                    raise Conflict("met another")
        with pytest.raises(ConfigurationError, match="outermost"), sync.transaction():
            list(sync.attempts())
        assert sync(Account).pluck("name") == ["ann"]


async def test_leaving_the_loop_early_commits(db: Database) -> None:
    async for attempt in db.attempts():
        async with attempt:
            await Account.create(name="ann")
            break
    assert await Account.all().count() == 1
    assert db.stats()["connections_busy"] == 0
