"""The app's tables, its jobs and its users share one SQLite file, and one transaction."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from mizzen.auth import Auth, Session
from mizzen.orm import Database, Model
from mizzen.queue import Queue

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


class Delivery(Model):
    item: str
    shipped: bool = False


class Parts:
    def __init__(self, url: str) -> None:
        self.db, self.queue, self.auth = Database(url), Queue(url), Auth(url)


@pytest.fixture(params=["sqlite", "postgresql"])
async def parts(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Parts]:
    url = (
        f"sqlite:///{tmp_path}/shop.db"
        if request.param == "sqlite"
        else str(request.getfixturevalue("postgres_url"))
    )
    made = Parts(url)
    async with made.db, made.queue, made.auth:
        await made.db.create_all()
        yield made


async def test_a_job_commits_with_the_data_it_is_about(parts: Parts) -> None:
    done = asyncio.Event()

    @parts.queue.job
    async def ship(id: int) -> None:
        async with parts.db.transaction():
            await (await Delivery.get(id)).update(shipped=True)
        done.set()

    async with parts.db.transaction() as session:
        order = await Delivery.create(item="tea")
        assert order.id is not None
        await ship(order.id).enqueue(tx=session)
    async with parts.queue.worker(concurrency=2):
        await asyncio.wait_for(done.wait(), 10)
    assert (await Delivery.get(order.id)).shipped is True


async def test_a_job_goes_with_the_transaction_that_is_rolled_back(parts: Parts) -> None:
    @parts.queue.job
    async def ship(id: int) -> None:
        raise AssertionError("it was never committed")

    with pytest.raises(RuntimeError, match="no stock"):
        async with parts.db.transaction() as session:
            await ship(1).enqueue(tx=session)
            await Delivery.create(item="tea")
            raise RuntimeError("no stock")
    assert await Delivery.where().count() == 0
    assert (await parts.queue.counts())["queued"] == 0


async def test_writers_of_all_three_components_never_find_the_database_locked(
    parts: Parts,
) -> None:
    ran: list[int] = []
    all_ran = asyncio.Event()

    @parts.queue.job
    async def note(number: int) -> None:
        await Delivery.create(item=f"from job {number}")
        ran.append(number)
        if len(ran) == 60:
            all_ran.set()

    async def shop(number: int) -> None:
        async with parts.db.transaction() as session:
            await Delivery.create(item=f"order {number}")
            await note(number).enqueue(tx=session)

    async def visit(number: int) -> None:
        await parts.auth.register(
            email=f"p{number}@example.com", username=f"p{number}", password="a long passphrase"
        )
        outcome = await parts.auth.login(f"p{number}", "a long passphrase")
        assert isinstance(outcome, Session)

    async with parts.queue.worker(concurrency=4):
        await asyncio.gather(*(shop(n) for n in range(60)), *(visit(n) for n in range(4)))
        await asyncio.wait_for(all_ran.wait(), 20)
    assert await Delivery.where().count() == 120
    assert sorted(ran) == list(range(60))
