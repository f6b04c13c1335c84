from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mizzen.cache import Cache
from mizzen.cache.tiers.memory import MemoryTier

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from mizzen.cache.testing import FrozenClock


@pytest.fixture
async def three(tmp_path: Path, clock: FrozenClock) -> AsyncIterator[Cache]:
    """Memory over two disks, as memory, local disk and a shared server would be."""
    async with Cache("memory:", *disks(tmp_path), clock=clock) as cache:
        yield cache


def disks(folder: Path) -> tuple[str, str]:
    return f"sqlite:///{folder}/middle.db", f"sqlite:///{folder}/last.db"


async def test_a_hit_below_is_copied_to_every_tier_above(
    three: Cache, tmp_path: Path, clock: FrozenClock
) -> None:
    async with Cache(disks(tmp_path)[1], clock=clock) as elsewhere:
        await elsewhere.set("k", 1)
    for tier in ("sqlite_2", "memory"):
        assert await three.get("k") == 1
        assert three.stats()[f"{tier}_hits_total"] == 1
    async with Cache("memory:", *disks(tmp_path), clock=clock) as again:
        assert await again.get("k") == 1
        assert again.stats()["sqlite_hits_total"] == 1


async def test_a_copy_does_not_outlive_what_it_was_copied_from(
    three: Cache, tmp_path: Path, clock: FrozenClock
) -> None:
    async with Cache(disks(tmp_path)[1], clock=clock) as elsewhere:
        await elsewhere.set("k", 1, ttl=10)
    clock.move(8)
    assert await three.get("k") == 1
    clock.move(1.9)
    assert await three.get("k") == 1
    clock.move(0.2)
    assert await three.get("k") is None


async def test_memory_goes_by_the_monotonic_clock(clock: FrozenClock) -> None:
    async with Cache("memory:", clock=clock) as cache:
        await cache.set("k", 1, ttl=10)
        clock.jump(-3600)
        assert await cache.get("k") == 1
        clock.move(11)
        assert await cache.get("k") is None


async def test_disk_goes_by_the_wall_clock(tmp_path: Path, clock: FrozenClock) -> None:
    async with Cache(f"sqlite:///{tmp_path}/c.db", clock=clock) as cache:
        await cache.set("k", 1, ttl=10)
    clock.jump(11)
    async with Cache(f"sqlite:///{tmp_path}/c.db", clock=clock) as cache:
        assert await cache.get("k") is None


async def test_within_the_trust_window_a_copy_costs_no_call_below(
    tmp_path: Path, clock: FrozenClock
) -> None:
    from mizzen.cache.testing import FaultyTier
    from mizzen.cache.tiers.sqlite import SqliteTier

    shared = FaultyTier(SqliteTier(tmp_path / "c.db"))
    async with Cache(MemoryTier(), shared, trust="1s", clock=clock) as cache:
        await cache.set("k", 1)
        await cache.get("k")
        calls = shared.calls
        for _ in range(100):
            await cache.get("k")
        assert shared.calls == calls
        clock.move(1.1)
        for _ in range(100):
            await cache.get("k")
        assert shared.calls == calls + 1


async def test_without_trust_every_copy_is_checked(tmp_path: Path, clock: FrozenClock) -> None:
    url = f"sqlite:///{tmp_path}/c.db"
    async with (
        Cache("memory:", url, trust=0, clock=clock) as here,
        Cache("memory:", url, trust=0, clock=clock) as there,
    ):
        await here.set("k", 1, tags=["t"])
        assert await there.get("k") == 1
        await here.invalidate_tags("t")
        assert await there.get("k") is None
        await here.set("k", 2, tags=["t"])
        assert await there.get("k") == 2
