"""Programs that know SQLAlchemy, or only sqlite3, put jobs into the queue's database."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import Column, Integer, MetaData, String, Table, create_engine, func, select
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import Session

from mizzen.orm import Database, Model
from mizzen.queue import Queue, QueueError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from mizzen.testing import Process

    Spawn = Callable[..., Process]

# Their own tables, in their own style; no model of ours.
schema = MetaData()
parcels = Table("parcels", schema, Column("id", Integer, primary_key=True), Column("to", String))


class Letter(Model):
    to: str


class Foreign:
    """A database of somebody else's making, with our queue in it."""

    def __init__(self, url: str) -> None:
        self.sync_url = url.replace("postgresql://", "postgresql+psycopg://")
        self.async_url = self.sync_url.replace("sqlite://", "sqlite+aiosqlite://")
        self.url, self.queue = url, Queue(url)
        self.sent: list[str] = []


@pytest.fixture(params=["sqlite", "postgresql"])
async def foreign(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Foreign]:
    url = (
        f"sqlite:///{tmp_path}/post.db"
        if request.param == "sqlite"
        else str(request.getfixturevalue("postgres_url"))
    )
    made = Foreign(url)
    engine = create_engine(made.sync_url)
    await asyncio.to_thread(schema.create_all, engine)
    await asyncio.to_thread(engine.dispose)
    async with made.queue:
        yield made


def define(foreign: Foreign) -> Any:
    @foreign.queue.job
    async def send(to: str) -> None:
        foreign.sent.append(to)

    return send


async def test_an_async_session_of_a_foreign_engine_carries_jobs(foreign: Foreign) -> None:
    send = define(foreign)
    engine = create_async_engine(foreign.async_url)
    try:
        async with AsyncSession(engine) as session, session.begin():
            await session.execute(parcels.insert().values(to="ann"))
            kept = await send("ann").enqueue(tx=session)
            assert (await foreign.queue.counts())["queued"] == 0
        with pytest.raises(ValueError, match="no stamps"):
            async with AsyncSession(engine) as session, session.begin():
                await session.execute(parcels.insert().values(to="bob"))
                await send("bob").enqueue(tx=session)
                raise ValueError("no stamps")
        async with foreign.queue.worker():
            await kept.result(timeout=10)
        async with engine.connect() as connection:
            assert await connection.scalar(select(func.count()).select_from(parcels)) == 1
    finally:
        await engine.dispose()
    assert foreign.sent == ["ann"]


async def test_a_plain_session_carries_jobs(foreign: Foreign) -> None:
    send = define(foreign)
    engine = create_engine(foreign.sync_url)
    try:
        with Session(engine) as session:
            session.execute(parcels.insert().values(to="ann"))
            kept = await send("ann").enqueue(tx=session)
            session.commit()
            session.execute(parcels.insert().values(to="bob"))
            await send("bob").enqueue(tx=session)
            session.rollback()
        with engine.begin() as connection:
            also = await send("cleo").enqueue(tx=connection)
        async with foreign.queue.worker():
            await kept.result(timeout=10)
            await also.result(timeout=10)
    finally:
        engine.dispose()
    assert foreign.sent == ["ann", "cleo"]


async def test_a_transaction_on_another_database_is_refused_in_words(
    foreign: Foreign, tmp_path: Path
) -> None:
    send = define(foreign)
    other = create_async_engine(f"sqlite+aiosqlite:///{tmp_path}/other.db")
    try:
        async with AsyncSession(other) as session:
            with pytest.raises(QueueError, match=r"own database|only commit together"):
                await send("ann").enqueue(tx=session)
    finally:
        await other.dispose()


SCRIPT = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], timeout=10, isolation_level=None)
print("writing", flush=True)
for number in range(300):
    connection.execute("BEGIN IMMEDIATE")
    connection.execute('INSERT INTO parcels ("to") VALUES (?)', (str(number),))
    connection.execute("COMMIT")
print("written", flush=True)
"""


async def test_a_script_with_plain_sqlite3_writes_beside_the_app(
    tmp_path: Path, worker_process: Spawn
) -> None:
    """It knows nothing of the lane: SQLite's own lock still keeps everybody's writes apart."""
    foreign = Foreign(f"sqlite:///{tmp_path}/post.db")
    engine = create_engine(foreign.sync_url)
    await asyncio.to_thread(schema.create_all, engine)
    await asyncio.to_thread(engine.dispose)
    send = define(foreign)
    async with Database(foreign.url) as db, foreign.queue as queue, queue.worker(concurrency=4):
        await db.create_all()
        script = worker_process("-c", SCRIPT, str(tmp_path / "post.db"))
        await script.wait_for("writing")
        handles = [await post(db, send, number) for number in range(100)]
        for handle in handles:
            await handle.result(timeout=10)
        assert await script.wait(timeout=20) == 0, script.output
        assert "written" in script.output
        assert await Letter.where().count() == 100
    assert sorted(foreign.sent, key=int) == [str(number) for number in range(100)]


async def post(db: Database, send: Any, number: int) -> Any:
    async with db.transaction() as session:
        await Letter.create(to=str(number))
        return await send(str(number)).enqueue(tx=session)
