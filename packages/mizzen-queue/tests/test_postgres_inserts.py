from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from mizzen.queue.abc import Inserted
from mizzen.queue.testing import new

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from mizzen.queue.stores.postgres import PostgresStore

pytestmark = pytest.mark.extra("psycopg")


@pytest.fixture
async def store(postgres_url: str) -> AsyncIterator[PostgresStore]:
    from mizzen.queue.stores.postgres import PostgresStore

    store = PostgresStore(postgres_url)
    await store.start()
    yield store
    await store.aclose()


async def test_inserts_at_once_share_a_commit(store: PostgresStore, postgres_url: str) -> None:
    import psycopg

    await asyncio.gather(*(store.insert([new()]) for _ in range(50)))
    assert (await store.stats(None, None))["queued"] == 50
    # The first, and those that came while it was under way.
    async with await psycopg.AsyncConnection.connect(postgres_url) as connection:
        cursor = await connection.execute("SELECT count(DISTINCT xmin::text) FROM mizzen_job")
        assert await cursor.fetchone() == (2,)


async def test_what_is_wrong_with_one_is_not_its_neighbours_fault(store: PostgresStore) -> None:
    from mizzen.queue import StoreError

    outcomes = await asyncio.gather(
        *(store.insert([new("no\0kind" if n == 7 else "kind")]) for n in range(20)),
        return_exceptions=True,
    )
    assert [n for n, outcome in enumerate(outcomes) if isinstance(outcome, StoreError)] == [7]
    assert sum(isinstance(outcome, Inserted) for outcome in outcomes) == 19
    assert (await store.stats(None, None))["queued"] == 19


async def test_who_gives_up_takes_no_other_along(store: PostgresStore) -> None:
    asked = [asyncio.create_task(store.insert([new()])) for _ in range(20)]
    await asyncio.sleep(0)
    asked[0].cancel()  # the one that is under way
    asked[5].cancel()  # one that waits
    outcomes = await asyncio.gather(*asked, return_exceptions=True)
    gone = [n for n, outcome in enumerate(outcomes) if isinstance(outcome, asyncio.CancelledError)]
    assert gone == [0, 5]
    assert (await store.stats(None, None))["queued"] in (18, 19)
