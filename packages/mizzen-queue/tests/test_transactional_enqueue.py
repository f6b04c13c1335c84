from __future__ import annotations

import asyncio
import sqlite3
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from mizzen.queue import JobFunction, Queue, QueueError, StoreBusy, StoreError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

pytestmark = pytest.mark.extra("sqlalchemy")


class Rollback(Exception):
    pass


@asynccontextmanager
async def alchemy_session(url: str) -> AsyncGenerator[Any]:
    from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

    engine = create_async_engine(url.replace("sqlite://", "sqlite+aiosqlite://"))
    try:
        async with AsyncSession(engine) as session, session.begin():
            yield session
    finally:
        await engine.dispose()


@asynccontextmanager
async def alchemy_connection(url: str) -> AsyncGenerator[Any]:
    from sqlalchemy.ext.asyncio import create_async_engine

    engine = create_async_engine(url.replace("sqlite://", "sqlite+aiosqlite://"))
    try:
        async with engine.begin() as connection:
            yield connection
    finally:
        await engine.dispose()


@asynccontextmanager
async def alchemy_sync_session(url: str) -> AsyncGenerator[Any]:
    from sqlalchemy import create_engine
    from sqlalchemy.orm import Session

    engine = create_engine(url)
    try:
        with Session(engine) as session, session.begin():
            yield session
    finally:
        engine.dispose()


@asynccontextmanager
async def plain_sqlite(url: str) -> AsyncGenerator[Any]:
    connection = sqlite3.connect(url.removeprefix("sqlite:///"))
    try:
        with connection:
            yield connection
    finally:
        connection.close()


@asynccontextmanager
async def through_aiosqlite(url: str) -> AsyncGenerator[Any]:
    import aiosqlite

    async with aiosqlite.connect(url.removeprefix("sqlite:///")) as connection:
        try:
            yield connection
        except BaseException:
            await connection.rollback()
            raise
        await connection.commit()


@asynccontextmanager
async def through_psycopg(url: str) -> AsyncGenerator[Any]:
    import psycopg

    async with await psycopg.AsyncConnection.connect(url) as connection:
        yield connection


@asynccontextmanager
async def through_sync_psycopg(url: str) -> AsyncGenerator[Any]:
    import psycopg

    with psycopg.connect(url) as connection:
        yield connection


@asynccontextmanager
async def alchemy_psycopg(url: str) -> AsyncGenerator[Any]:
    async with alchemy_session(url.replace("postgresql://", "postgresql+psycopg://")) as session:
        yield session


SQLITE = [
    alchemy_session, alchemy_connection, alchemy_sync_session, plain_sqlite, through_aiosqlite,
]  # fmt: skip
POSTGRES = [through_psycopg, through_sync_psycopg, alchemy_psycopg]


def define(q: Queue) -> JobFunction[[int], int]:
    @q.job
    async def echo(n: int) -> int:
        return n

    return echo


async def commits_and_rolls_back(q: Queue, url: str, begin: Any) -> None:
    echo = define(q)
    async with q.worker():
        ghosts: list[int] = []
        with pytest.raises(Rollback):
            async with begin(url) as tx:
                ghosts.append((await echo(1).enqueue(tx=tx)).id)
                raise Rollback
        async with begin(url) as tx:
            first, second = await q.enqueue_many([echo(2), echo(3)], tx=tx)
        assert [await first.result(timeout=5), await second.result(timeout=5)] == [2, 3]
        counts = await q.counts()
    assert (counts["done"], counts["queued"]) == (2, 0)
    assert ghosts[0] in (first.id, second.id) or await q.store.find(ghosts[0]) is None


@pytest.mark.parametrize("begin", SQLITE, ids=lambda begin: begin.__name__)
async def test_a_job_commits_with_the_data_in_sqlite(sqlite_q: Queue, begin: Any) -> None:
    await commits_and_rolls_back(sqlite_q, sqlite_q.url, begin)


@pytest.mark.extra("psycopg")
@pytest.mark.parametrize("begin", POSTGRES, ids=lambda begin: begin.__name__)
async def test_a_job_commits_with_the_data_in_postgres(postgres_url: str, begin: Any) -> None:
    async with Queue(postgres_url) as q:
        await commits_and_rolls_back(q, postgres_url, begin)


async def test_the_worker_is_woken_by_the_commit_not_by_the_insert(sqlite_q: Queue) -> None:
    echo = define(sqlite_q)
    told: list[int] = []
    sqlite_q.on("enqueued", lambda event: told.append(event.job.id))
    async with alchemy_session(sqlite_q.url) as session:
        async with session.begin_nested():
            handle = await echo(1).enqueue(tx=session)
        assert told == []
        rung = await sqlite_q.store.wait(-1, 0)
    assert told == [handle.id]
    async with asyncio.timeout(5):
        while await sqlite_q.store.wait(rung, 0.01) == rung:
            pass


async def test_a_session_that_rolls_back_and_goes_on_announces_only_what_commits(
    sqlite_q: Queue,
) -> None:
    from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

    echo = define(sqlite_q)
    told: list[int] = []
    sqlite_q.on("enqueued", lambda event: told.append(event.job.id))
    engine = create_async_engine(sqlite_q.url.replace("sqlite://", "sqlite+aiosqlite://"))
    async with AsyncSession(engine) as session:
        await echo(1).enqueue(tx=session)
        await session.rollback()
        kept = await echo(2).enqueue(tx=session)
        await session.commit()
        await session.commit()
    await engine.dispose()
    assert told == [kept.id]


async def test_what_is_no_transaction_is_refused(sqlite_q: Queue) -> None:
    echo = define(sqlite_q)
    with pytest.raises(QueueError, match=r"not builtins\.dict"):
        await echo(1).enqueue(tx={})


async def test_a_transaction_elsewhere_is_refused(sqlite_q: Queue, tmp_path: Path) -> None:
    echo = define(sqlite_q)
    async with plain_sqlite(f"sqlite:///{tmp_path}/other.db") as tx:
        with pytest.raises(StoreError, match="on the queue's own database"):
            await echo(1).enqueue(tx=tx)
    async with Queue() as memory:
        echo = define(memory)
        async with plain_sqlite(sqlite_q.url) as tx:
            with pytest.raises(QueueError, match="can't join a transaction"):
                await echo(1).enqueue(tx=tx)


async def test_enqueueing_beside_ones_own_transaction_says_what_to_do(
    sqlite_q: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    import fcntl
    from pathlib import Path

    from mizzen.queue.stores.sqlite import SqliteStore

    assert isinstance(sqlite_q.store, SqliteStore)
    monkeypatch.setattr(sqlite_q.store.lane, "timeout", 0.05)
    echo = define(sqlite_q)
    with Path(f"{sqlite_q.store.path}.lane").open("a") as lane:  # noqa: ASYNC230
        fcntl.flock(lane, fcntl.LOCK_EX)
        with pytest.raises(StoreBusy, match="pass it on with tx="):
            await echo(1).enqueue()
    assert (await (await echo(1).enqueue()).status()) == "queued"
