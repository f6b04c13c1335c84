"""What a row costs, beside SQLModel's async session with the same SQLite settings."""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from typing import TYPE_CHECKING

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlmodel import Field, SQLModel, select
from sqlmodel.ext.asyncio.session import AsyncSession
from table import Figure

from mizzen.orm import Database, Model

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    Work = Callable[[], Awaitable[object]]

ROUNDS, CALLS, ROWS = 5, 100, 10_000


class Ours(Model):
    """A small row."""

    name: str
    number: int = 0


class Theirs(SQLModel, table=True):
    """The same row."""

    id: int | None = Field(default=None, primary_key=True)
    name: str
    number: int = 0


def measure() -> list[Figure]:
    """Return milliseconds, and microseconds per call; medians of alternate rounds."""
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(compare(folder))


async def compare(folder: str) -> list[Figure]:
    engine = create_async_engine(f"sqlite+aiosqlite:///{folder}/theirs.db")
    event.listen(engine.sync_engine, "connect", _same_settings)
    async with engine.begin() as connection:
        await connection.run_sync(Theirs.metadata.create_all)
    async with Database(f"sqlite:///{folder}/ours.db") as database:
        await database.create_all()
        await Ours.create(name="a")
        await _add(engine, "a")
        pairs: list[tuple[str, float, int, Work, Work]] = [
            ("get by key", 10, CALLS, lambda: Ours.get(1), lambda: _get(engine)),
            ("insert", 8, CALLS, lambda: Ours.create(name="b"), lambda: _add(engine, "b")),
            ("update", 8, CALLS, _update, lambda: _change(engine)),
            ("list 1,000", 2.5, 10, lambda: Ours.all().limit(1000).all(), lambda: _list(engine)),
            ("bulk insert 10k", 1.9, 1, _bulk, lambda: _bulk_theirs(engine)),
        ]
        figures = [await _one(*pair) for pair in pairs]
    await engine.dispose()
    return figures


async def _one(name: str, goal: float, calls: int, ours: Work, theirs: Work) -> Figure:
    await _timed(ours, calls)
    await _timed(theirs, calls)
    rounds = [(await _timed(ours, calls), await _timed(theirs, calls)) for _ in range(ROUNDS)]
    mine, other = (statistics.median(column) for column in zip(*rounds, strict=True))
    return Figure(f"SQLite, {name}, µs", mine, other, "SQLModel async", goal=goal)


async def _timed(work: Work, calls: int) -> float:
    began = time.perf_counter()
    for _ in range(calls):
        await work()
    return (time.perf_counter() - began) / calls * 1e6


async def _update() -> None:
    row = await Ours.get(1)
    await row.update(number=row.number + 1)


async def _bulk() -> None:
    await Ours.insert_all({"name": "c", "number": n} for n in range(ROWS))


async def _get(engine: AsyncEngine) -> object:
    async with AsyncSession(engine) as session:
        return await session.get(Theirs, 1)


async def _add(engine: AsyncEngine, name: str) -> None:
    async with AsyncSession(engine, expire_on_commit=False) as session:
        session.add(Theirs(name=name))
        await session.commit()


async def _change(engine: AsyncEngine) -> None:
    async with AsyncSession(engine, expire_on_commit=False) as session:
        row = await session.get_one(Theirs, 1)
        row.number += 1
        await session.commit()


async def _list(engine: AsyncEngine) -> object:
    async with AsyncSession(engine) as session:
        return (await session.exec(select(Theirs).limit(1000))).all()


async def _bulk_theirs(engine: AsyncEngine) -> None:
    async with AsyncSession(engine, expire_on_commit=False) as session:
        session.add_all([Theirs(name="c", number=n) for n in range(ROWS)])
        await session.commit()


def _same_settings(connection: object, _record: object) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = NORMAL")
    cursor.close()
