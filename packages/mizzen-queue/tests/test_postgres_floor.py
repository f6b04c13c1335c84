from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mizzen.queue.abc import OPEN, Ack, WorkerInfo
from mizzen.queue.testing import KIND, new

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from mizzen.queue.stores.postgres import PostgresStore

pytestmark = pytest.mark.extra("psycopg")

ME = WorkerInfo(1, "here", 1, "today")
KINDS = {KIND: OPEN, "other": OPEN}


@pytest.fixture
async def store(postgres_url: str) -> AsyncIterator[PostgresStore]:
    from mizzen.queue.stores.postgres import PostgresStore

    store = PostgresStore(postgres_url)
    await store.start()
    await store.heartbeat(ME)
    yield store
    await store.aclose()


async def test_what_comes_back_below_the_floor_is_claimed_next(store: PostgresStore) -> None:
    await store.insert([new() for _ in range(250)])
    first = await store.step(1, [], 100, KINDS, None)
    freed = [Ack(job.id, job.token, "release") for job in first.claimed]
    second = await store.step(1, freed, 100, KINDS, None)
    assert min(job.id for job in second.claimed) > max(job.id for job in first.claimed)
    third = await store.step(1, [], 100, KINDS, None)
    assert (len(third.claimed), third.crowded) == (50, True)  # it is told to look again
    fourth = await store.step(1, [], 100, KINDS, None)
    assert [job.id for job in fourth.claimed] == [job.id for job in first.claimed]
    fifth = await store.step(1, [], 100, KINDS, None)
    assert (fifth.claimed, fifth.crowded) == ([], True)
    sixth = await store.step(1, [], 100, KINDS, None)
    assert (sixth.claimed, sixth.crowded) == ([], False)


async def test_another_kind_and_a_higher_priority_are_seen(
    store: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mizzen.queue.stores._postgres_floor._AT_LEAST", 0)
    monkeypatch.setattr("mizzen.queue.stores._postgres_floor._SHARE", 0)
    await store.insert([new() for _ in range(300)])
    await store.step(1, [], 100, KINDS, None)
    urgent = (await store.insert([new("other", priority=5) for _ in range(3)])).ids
    following = await store.step(1, [], 100, KINDS, None)
    assert [job.id for job in following.claimed[:3]] == urgent


async def test_beside_an_old_snapshot_each_job_is_claimed_once_and_in_order(
    store: PostgresStore, postgres_url: str
) -> None:
    import psycopg

    await store.insert([new() for _ in range(3000)])
    async with await psycopg.AsyncConnection.connect(postgres_url) as old:
        await old.set_isolation_level(psycopg.IsolationLevel.REPEATABLE_READ)
        await old.execute("SELECT count(*) FROM mizzen_job")
        claimed: list[int] = []
        while len(claimed) < 3000:
            step = await store.step(1, [], 500, KINDS, None)
            claimed += [job.id for job in step.claimed]
            assert step.claimed or step.crowded
    assert claimed == sorted(set(claimed))
