"""During a load, and between processes: after an invalidation the old value is gone for good."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from mizzen.cache import MISS, Cache

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
    from pathlib import Path

    from mizzen.cache.testing import FrozenClock

WAYS: dict[str, Callable[[Cache], Awaitable[object]]] = {
    "delete": lambda cache: cache.delete("k"),
    "tag": lambda cache: cache.invalidate_tags("t"),
    "clear": lambda cache: cache.clear(),
}


@pytest.fixture(params=list(WAYS))
def invalidate(request: pytest.FixtureRequest) -> Callable[[Cache], Awaitable[object]]:
    return WAYS[request.param]


class World:
    """The truth that the cache is in front of; reads of it can be held up."""

    def __init__(self) -> None:
        self.value = 1
        self.reading = asyncio.Event()
        self.go = asyncio.Event()

    async def slowly(self) -> int:
        value = self.value
        self.reading.set()
        await self.go.wait()
        return value

    async def at_once(self) -> int:
        return self.value


async def test_an_invalidation_during_a_load(
    cache: Cache, invalidate: Callable[[Cache], Awaitable[object]]
) -> None:
    world = World()
    old = asyncio.create_task(cache.fetch("k", world.slowly, tags=["t"]))
    await world.reading.wait()
    world.value = 2
    await invalidate(cache)
    assert await cache.fetch("k", world.at_once, tags=["t"]) == 2
    world.go.set()
    assert await old == 1
    assert await cache.get("k") == 2


async def test_a_load_outdated_while_under_way_is_not_stored(
    cache: Cache, invalidate: Callable[[Cache], Awaitable[object]]
) -> None:
    world = World()
    old = asyncio.create_task(cache.fetch("k", world.slowly, tags=["t"]))
    await world.reading.wait()
    await invalidate(cache)
    world.go.set()
    assert await old == 1
    assert await cache.get("k", MISS) is MISS
    assert cache.stats()["loads_outdated_total"] == 1


async def test_a_set_during_a_load_wins(cache: Cache) -> None:
    world = World()
    old = asyncio.create_task(cache.fetch("k", world.slowly))
    await world.reading.wait()
    await cache.set("k", 2)
    world.go.set()
    await old
    assert await cache.get("k") == 2


@asynccontextmanager
async def two_nodes(shared: str, clock: FrozenClock) -> AsyncGenerator[tuple[Cache, Cache]]:
    async with (
        Cache("memory:", shared, trust=1, clock=clock) as one,
        Cache("memory:", shared, trust=1, clock=clock) as other,
    ):
        yield one, other


class BetweenNodes:
    """Two caches with memory of their own over one shared tier, as two processes would have."""

    async def test_an_invalidation_elsewhere_during_a_load_here(
        self, nodes: tuple[Cache, Cache], invalidate: Callable[[Cache], Awaitable[object]]
    ) -> None:
        here, there = nodes
        world = World()
        old = asyncio.create_task(here.fetch("k", world.slowly, tags=["t"]))
        await world.reading.wait()
        world.value = 2
        await invalidate(there)
        late = asyncio.create_task(here.fetch("k", world.at_once, tags=["t"]))
        await asyncio.sleep(0)
        world.go.set()
        assert await old == 1
        assert await late == 2
        assert await here.get("k") == 2

    async def test_an_invalidation_elsewhere_reaches_the_copy_here_within_the_trust_window(
        self,
        nodes: tuple[Cache, Cache],
        invalidate: Callable[[Cache], Awaitable[object]],
        clock: FrozenClock,
    ) -> None:
        here, there = nodes
        await here.set("k", 1, tags=["t"])
        assert await here.get("k") == await there.get("k") == 1
        await invalidate(there)
        assert await there.get("k", MISS) is MISS
        clock.move(1.001)
        assert await here.get("k", MISS) is MISS

    async def test_a_value_set_elsewhere_reaches_the_copy_here_within_the_trust_window(
        self, nodes: tuple[Cache, Cache], clock: FrozenClock
    ) -> None:
        here, there = nodes
        await here.set("k", 1)
        assert await there.get("k") == 1
        await there.set("k", 2)
        assert await there.get("k") == 2
        clock.move(1.001)
        assert await here.get("k") == 2

    async def test_a_new_value_elsewhere_is_not_taken_for_an_outdated_one(
        self,
        nodes: tuple[Cache, Cache],
    ) -> None:
        here, there = nodes
        await here.set("a", 1, tags=["t"])
        assert await there.get("a") == 1
        await there.invalidate_tags("t")
        await there.set("b", 2, tags=["t"])
        assert await here.get("b") == 2

    async def test_adding_the_same_key_from_two_sides_succeeds_once(
        self,
        nodes: tuple[Cache, Cache],
    ) -> None:
        results = await asyncio.gather(*(node.add("k", 1) for node in nodes for _ in range(10)))
        assert sum(results) == 1

    async def test_many_interleavings(self, nodes: tuple[Cache, Cache], clock: FrozenClock) -> None:
        """A writer changes the world and invalidates; no later fetch brings what was before."""
        here, there = nodes
        world = World()

        async def load() -> int:
            value = world.value
            await asyncio.sleep(0)
            return value

        async def read(node: Cache) -> None:
            for _ in range(40):
                before = world.value if node is there else 0
                assert await node.fetch("k", load, tags=["t"]) >= before
                await asyncio.sleep(0)

        async def write() -> None:
            ways = list(WAYS.values())
            for turn in range(40):
                world.value += 1
                value = world.value
                await ways[turn % 3](there)
                assert await there.fetch("k", load, tags=["t"]) >= value
                await asyncio.sleep(0)

        # These also read between a change and its invalidation, so what they get proves nothing.
        async def read_there() -> None:
            for _ in range(40):
                await there.fetch("k", load, tags=["t"])

        await asyncio.gather(write(), read(here), read_there(), read_there())
        clock.move(1.001)
        assert await here.fetch("k", load, tags=["t"]) == world.value
        assert await there.fetch("k", load, tags=["t"]) == world.value


class TestOverOneFile(BetweenNodes):
    @pytest.fixture
    async def nodes(self, tmp_path: Path, clock: FrozenClock) -> AsyncIterator[tuple[Cache, Cache]]:
        async with two_nodes(f"sqlite:///{tmp_path}/shared.db", clock) as nodes:
            yield nodes


@pytest.mark.extra("redis")
@pytest.mark.parametrize("protocol", [2, 3], ids=["resp2", "resp3"], scope="class")
class TestOverOneServer(BetweenNodes):
    @pytest.fixture
    async def nodes(
        self, valkey_url: str, protocol: int, clock: FrozenClock
    ) -> AsyncIterator[tuple[Cache, Cache]]:
        async with two_nodes(f"{valkey_url}?timeout=5s&protocol={protocol}", clock) as nodes:
            yield nodes
