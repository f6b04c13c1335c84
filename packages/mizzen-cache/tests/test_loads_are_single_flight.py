from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass

import pytest

from mizzen.cache import MISS, Cache, LoadCancelled, RecursiveLoad, WrongType


@dataclass
class User:
    id: int


class Source:
    """A slow source that counts, and answers when told to."""

    def __init__(self) -> None:
        self.loads = 0
        self.loading = asyncio.Event()
        self.go = asyncio.Event()

    async def __call__(self) -> int:
        self.loads += 1
        self.loading.set()
        await self.go.wait()
        return self.loads


async def test_a_hundred_tasks_make_one_load(cache: Cache) -> None:
    source = Source()
    tasks = [asyncio.create_task(cache.fetch("k", source)) for _ in range(100)]
    await source.loading.wait()
    source.go.set()
    assert await asyncio.gather(*tasks) == [1] * 100
    assert await cache.fetch("k", source) == 1
    assert source.loads == 1


async def test_a_cancelled_leader_does_not_hurt_its_followers(cache: Cache) -> None:
    source = Source()
    leader = asyncio.create_task(cache.fetch("k", source))
    await source.loading.wait()
    follower = asyncio.create_task(cache.fetch("k", source))
    await asyncio.sleep(0)
    leader.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leader
    source.go.set()
    assert await follower == 1


async def test_a_load_nobody_waits_for_ends_and_the_next_call_starts_anew(cache: Cache) -> None:
    source = Source()
    alone = asyncio.create_task(cache.fetch("k", source))
    await source.loading.wait()
    alone.cancel()
    source.go.set()
    with pytest.raises(asyncio.CancelledError):
        await alone
    assert await cache.fetch("k", source) == 2


async def test_an_error_reaches_everyone_and_is_not_cached(cache: Cache) -> None:
    async def fail() -> int:
        await asyncio.sleep(0)
        raise ZeroDivisionError("on purpose")

    results = await asyncio.gather(
        *(cache.fetch("k", fail) for _ in range(5)), return_exceptions=True
    )
    assert [type(result) for result in results] == [ZeroDivisionError] * 5
    assert await cache.get("k", MISS) is MISS
    assert await cache.fetch("k", lambda: 5) == 5
    assert cache.stats()["load_errors_total"] == 1


async def test_a_load_that_waits_for_itself_is_refused(cache: Cache) -> None:
    async def load() -> int:
        return await cache.fetch("k", load)

    with pytest.raises(RecursiveLoad, match="'k'"):
        await cache.fetch("k", load)


async def test_loads_that_wait_for_each_other_are_refused(cache: Cache) -> None:
    both = asyncio.Barrier(2)

    async def a() -> int:
        await both.wait()
        return await cache.fetch("b", b)

    async def b() -> int:
        await both.wait()
        return await cache.fetch("a", a)

    async with asyncio.timeout(5):
        results = await asyncio.gather(
            cache.fetch("a", a), cache.fetch("b", b), return_exceptions=True
        )
    assert {type(result) for result in results} == {RecursiveLoad}


async def test_a_load_may_fetch_other_keys(cache: Cache) -> None:
    async def outer() -> int:
        return 1 + await cache.fetch("inner", lambda: 1)

    assert await cache.fetch("outer", outer) == 2


async def test_a_plain_function_runs_in_a_thread(cache: Cache) -> None:
    assert await cache.fetch("k", threading.get_ident) != threading.get_ident()


async def test_a_plain_function_may_return_an_awaitable(cache: Cache) -> None:
    async def answer(n: int) -> int:
        return n

    assert await cache.fetch("k", lambda: answer(3)) == 3


async def test_what_was_loaded_reads_as_it_will_read_next_time(cache: Cache) -> None:
    first = await cache.fetch("u", lambda: User(1), type=User)
    assert first == User(1) == await cache.fetch("u", lambda: User(2), type=User)


async def test_a_load_of_the_wrong_type_is_the_callers_error(cache: Cache) -> None:
    with pytest.raises(WrongType, match="'u'"):
        await cache.fetch("u", lambda: {"id": "x"}, type=User)


async def test_a_load_cancelled_from_inside_is_an_error_not_a_cancellation(cache: Cache) -> None:
    async def load() -> int:
        raise asyncio.CancelledError

    with pytest.raises(LoadCancelled):
        await cache.fetch("k", load)


async def test_closing_ends_loads_under_way(cache: Cache) -> None:
    source = Source()
    waiting = asyncio.create_task(cache.fetch("k", source))
    await source.loading.wait()
    await cache.aclose()
    with pytest.raises(LoadCancelled):
        await waiting
