# ruff: noqa: ASYNC110  (what is polled is a store: it has no event for it)

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from mizzen.queue import Queue, StoreError

pytestmark = pytest.mark.extra("psycopg")


async def terminate_others(url: str) -> int:
    import psycopg

    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        cursor = await connection.execute(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        row = await cursor.fetchone()
    return row[0] if row else 0


async def test_connections_cut_in_the_middle_lose_nothing(postgres_url: str) -> None:
    async with Queue(postgres_url) as q:
        runs: Counter[int] = Counter()

        @q.job
        async def note(n: int) -> None:
            await asyncio.sleep(0.001)
            runs[n] += 1

        count, cut = 1500, 0
        handles = await q.enqueue_many([note(n) for n in range(count)])
        async with q.worker():
            for _ in range(4):
                await asyncio.sleep(0.08)
                cut += await terminate_others(postgres_url)
            while (await patient_counts(q))["done"] < count:
                await asyncio.sleep(0.02)
            assert (await patient_counts(q))["running"] == 0
        assert cut > 0
        assert set(runs) == set(range(count))
        assert await handles[-1].status() == "done"


async def patient_counts(q: Queue) -> dict[str, int]:
    for _ in range(20):
        try:
            return await q.counts()
        except StoreError:
            await asyncio.sleep(0.02)
    return await q.counts()


async def test_without_its_notifications_a_worker_still_finds_work(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mizzen.queue.stores import postgres

    async def deaf(_: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(postgres.PostgresStore, "_listen", deaf)
    async with Queue(postgres_url) as producer, Queue(postgres_url) as consumer:

        @producer.job(name="one")
        async def one() -> int:
            return 1

        @consumer.job(name="one")
        async def also_one() -> int:
            return 1

        async with consumer.worker():
            assert await (await one().enqueue()).result(timeout=5) == 1


async def test_a_server_that_is_away_is_named_in_words() -> None:
    q = Queue("postgresql://ann:s3cret@127.0.0.1:1/app")
    with pytest.raises(StoreError, match="PostgreSQL: ") as caught:
        await q.start()
    assert "s3cret" not in str(caught.value)
    assert (await q.health())["ok"] is False
