# pyright: reportPrivateUsage=false

from __future__ import annotations

import asyncio
import time
from importlib import import_module
from typing import TYPE_CHECKING, Any

import pytest

from mizzen.cache import MISS, Cache, Event
from mizzen.cache.testing import FaultyTier, FrozenClock
from mizzen.cache.tiers.memory import MemoryTier
from mizzen.cache.tiers.sqlite import SqliteTier

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from mizzen.testing import Proxy


@pytest.fixture
def shared(tmp_path: Path) -> FaultyTier:
    """The last tier of the cache under test, failing on demand."""
    return FaultyTier(SqliteTier(tmp_path / "shared.db"))


@pytest.fixture
async def cache(shared: FaultyTier, clock: FrozenClock) -> AsyncIterator[Cache]:
    async with Cache("memory:", shared, clock=clock) as opened:
        yield opened


async def test_nearer_tiers_serve_on(cache: Cache, shared: FaultyTier, clock: FrozenClock) -> None:
    await cache.set("k", 1, tags=["t"])
    with shared.failing():
        clock.move(60)
        assert await cache.get("k") == 1
        await cache.set("new", 2)
        assert await cache.get("new") == 2
        assert await cache.fetch("loaded", lambda: 3, tags=["t"]) == 3
        assert await cache.fetch("loaded", lambda: 4, tags=["t"]) == 3


async def test_own_invalidations_hold_while_the_shared_tier_is_away(
    cache: Cache, shared: FaultyTier, clock: FrozenClock
) -> None:
    await cache.set_many({"a": 1, "b": 1}, tags=["t"])
    await cache.set("c", 1)
    with shared.failing():
        await cache.delete("a")
        await cache.invalidate_tags("t")
        assert await cache.get_many("abc") == {"c": 1}
        await cache.clear()
        assert await cache.get_many("abc") == {}
    clock.move(60)
    assert await cache.get_many("abc") == {}


async def test_what_was_invalidated_meanwhile_is_gone_when_it_is_back(
    cache: Cache, shared: FaultyTier, clock: FrozenClock, tmp_path: Path
) -> None:
    await cache.set("deleted", 1)
    await cache.set("replaced", 1)
    await cache.set("tagged", 1, tags=["t"])
    with shared.failing():
        await cache.delete("deleted")
        await cache.set("replaced", 2)
        await cache.invalidate_tags("t")
        assert cache.stats()["undelivered_changes"] > 0
    clock.move(60)
    await cache.get("anything")
    assert cache.stats()["undelivered_changes"] == 0
    async with Cache(f"sqlite:///{tmp_path}/shared.db", clock=clock) as elsewhere:
        assert await elsewhere.get_many(["deleted", "tagged"]) == {}
        assert await elsewhere.get("replaced", 2) == 2


async def test_a_change_whose_answer_was_lost_is_repeated(
    cache: Cache, shared: FaultyTier, clock: FrozenClock
) -> None:
    await cache.set("k", 1)
    with shared.losing_answers():
        await cache.set("k", 2)
        assert await cache.get("k") == 2
    clock.move(60)
    assert await cache.get("k", 2) == 2


async def test_a_load_during_the_outage_is_not_taken_for_current_afterwards(
    cache: Cache, shared: FaultyTier, clock: FrozenClock, tmp_path: Path
) -> None:
    async with Cache(f"sqlite:///{tmp_path}/shared.db", clock=clock) as elsewhere:
        with shared.failing():
            assert await cache.fetch("k", lambda: 1, tags=["t"]) == 1
            await elsewhere.invalidate_tags("t")
            assert await cache.get("k") == 1
        clock.move(60)
        assert await cache.get("k", MISS) is MISS


async def test_a_tier_that_hangs_costs_one_timeout_in_all(
    cache: Cache, shared: FaultyTier, clock: FrozenClock
) -> None:
    with shared.hanging():
        asked = shared.calls
        start = time.monotonic()
        await asyncio.gather(*(cache.get(f"k{n}") for n in range(20)))
        for n in range(20):
            assert await cache.fetch(f"k{n}", lambda: 1) == 1
        assert shared.calls - asked <= 20
        assert time.monotonic() - start < 10 * shared.patience


async def test_one_call_tries_a_tier_again_and_the_others_do_not_wait(
    cache: Cache, shared: FaultyTier, clock: FrozenClock
) -> None:
    with shared.failing():
        await cache.get("k")
    with shared.hanging():
        clock.move(1)
        asked = shared.calls
        await asyncio.gather(*(cache.get(f"k{n}") for n in range(20)))
        assert shared.calls == asked + 1
    clock.move(60)
    await cache.set("k", 1)
    assert (await cache.health())["ok"]


async def test_trouble_shows(cache: Cache, shared: FaultyTier, clock: FrozenClock) -> None:
    seen: list[Event] = []
    for name in ("error", "recover"):
        cache.on(name, seen.append)
    with shared.failing():
        health = await cache.health()
        assert health == {"ok": False, "detail": {"memory": "ok", "sqlite": "broken on purpose"}}
        assert cache.stats()["sqlite_up"] == 0
        assert "away" in repr(cache)
        assert "broken on purpose" in cache._repr_html_()
    clock.move(60)
    assert (await cache.health())["ok"]
    assert [(event.name, event.tier) for event in seen] == [
        ("error", "sqlite"),
        ("recover", "sqlite"),
    ]


async def test_a_tier_that_is_away_at_the_start_comes_in_later(
    shared: FaultyTier, clock: FrozenClock
) -> None:
    cache = Cache("memory:", shared, clock=clock)
    with shared.failing():
        await cache.start()
        await cache.set("k", 1)
    clock.move(60)
    assert (await cache.health())["ok"]
    assert await cache.get("k", 1) == 1
    await cache.aclose()


async def test_what_is_owed_is_delivered_on_closing(
    shared: FaultyTier, clock: FrozenClock, tmp_path: Path
) -> None:
    async with Cache("memory:", shared, clock=clock) as cache:
        await cache.set("k", 1)
        with shared.failing():
            await cache.delete("k")
    async with Cache(f"sqlite:///{tmp_path}/shared.db", clock=clock) as elsewhere:
        assert await elsewhere.get("k") is None


async def test_a_middle_tier_that_failed_to_forget_serves_nothing_outdated(
    tmp_path: Path, clock: FrozenClock
) -> None:
    middle = FaultyTier(SqliteTier(tmp_path / "middle.db"))
    last = f"sqlite:///{tmp_path}/last.db"
    async with Cache(MemoryTier(), middle, last, clock=clock) as cache:
        await cache.set_many({"deleted": 1, "replaced": 1})
        await cache.set("tagged", 1, tags=["t"])
        with middle.failing():
            await cache.delete("deleted")
            await cache.set("replaced", 2)
            await cache.invalidate_tags("t")
        clock.move(60)
        assert await cache.get_many(["deleted", "replaced", "tagged"]) == {"replaced": 2}


@pytest.mark.extra("redis")
class TestOverRedis:
    @pytest.fixture
    async def proxy(self, valkey_url: str, tcp_proxy: Callable[[str], Proxy]) -> Proxy:
        return tcp_proxy(valkey_url)

    @pytest.fixture
    async def redis(self, proxy: Proxy, clock: FrozenClock) -> AsyncIterator[Cache]:
        async with Cache("memory:", f"{proxy.url}?timeout=300ms", clock=clock) as opened:
            yield opened

    @pytest.mark.parametrize("fault", ["cut", "blackhole"])
    async def test_the_cache_serves_on_and_recovers(
        self, redis: Cache, proxy: Proxy, clock: FrozenClock, fault: str
    ) -> None:
        await redis.set("k", 1, tags=["t"])
        getattr(proxy, fault)()
        clock.move(2)
        start = time.monotonic()
        for _ in range(50):
            assert await redis.get("k") == 1
        await redis.invalidate_tags("t")
        assert await redis.get("k") is None
        assert await redis.fetch("k", lambda: 2, tags=["t"]) == 2
        assert time.monotonic() - start < 3
        proxy.heal()
        clock.move(60)
        assert (await redis.health())["ok"]
        assert await redis.fetch("k", lambda: 3, tags=["t"]) == 2
        await redis.set("after", 4)
        assert await redis.get("after") == 4

    async def test_a_server_that_lost_everything_costs_misses(
        self, redis: Cache, valkey_url: str, clock: FrozenClock
    ) -> None:
        client: Any = import_module("redis.asyncio")
        await redis.set("k", 1, tags=["t"])
        async with client.Redis.from_url(valkey_url) as server:
            await server.flushdb()
            await server.script_flush()
        clock.move(2)
        assert await redis.get("k") is None
        assert await redis.fetch("k", lambda: 2, tags=["t"]) == 2
        assert await redis.get("k") == 2
