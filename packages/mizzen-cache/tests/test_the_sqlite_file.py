# pyright: reportPrivateUsage=false

from __future__ import annotations

import asyncio
import os
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from mizzen.cache import Cache

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from mizzen.testing import Process


async def test_it_stays_within_its_size_and_keeps_the_newest(tmp_path: Path) -> None:
    path = tmp_path / "c.db"
    async with Cache(f"sqlite:///{path}?max_size=1MB") as cache:
        for n in range(300):
            await cache.set(f"k{n}", os.urandom(10_000), tags=[f"t{n}"])
        assert cache.stats()["sqlite_bytes"] <= 1 << 20
        assert await cache.get("k299") is not None
        assert await cache.get("k0") is None
        assert cache.stats()["sqlite_evictions_total"] > 0
    assert path.stat().st_size < 3 << 20


async def test_a_value_too_large_for_it_is_not_kept_and_the_old_one_is_gone(tmp_path: Path) -> None:
    async with Cache(f"sqlite:///{tmp_path}/c.db?max_size=1MB") as cache:
        await cache.set("k", 1)
        await cache.set("k", os.urandom(2 << 20))
        assert await cache.get("k") is None


async def test_a_read_writes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "c.db"
    async with Cache(f"sqlite:///{path}") as cache:
        await cache.set("k", 1)
        with closing(sqlite3.connect(path)) as db:
            before = db.execute("PRAGMA data_version").fetchone()
            for _ in range(50):
                await cache.get("k")
                await cache.get("none")
            assert db.execute("PRAGMA data_version").fetchone() == before


async def test_it_survives_a_restart(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/deep/er/c.db"
    async with Cache(url) as cache:
        await cache.set("k", 1, tags=["t"])
        await cache.set("gone", 1, tags=["u"])
        await cache.invalidate_tags("u")
    async with Cache(url) as cache:
        assert await cache.get_many(["k", "gone"]) == {"k": 1}


async def test_it_is_readable_by_its_owner_alone(tmp_path: Path) -> None:
    async with Cache(f"sqlite:///{tmp_path}/c.db") as cache:
        await cache.set("k", 1)
    assert (tmp_path / "c.db").stat().st_mode & 0o777 == 0o600


ADDER = """
import asyncio, sys
from mizzen.cache import Cache
async def main():
    async with Cache("memory:", "sqlite:///" + sys.argv[1]) as cache:
        print("added", sum([await cache.add(f"k{n}", n) for n in range(100)]), flush=True)
asyncio.run(main())
"""


@pytest.mark.extra("mizzen.testing")
async def test_four_processes_add_each_key_once(
    tmp_path: Path, worker_process: Callable[..., Process]
) -> None:
    adders = [worker_process("-c", ADDER, str(tmp_path / "c.db")) for _ in range(4)]
    await asyncio.gather(*(adder.wait() for adder in adders))
    added = [int(adder.output.split()[-1]) for adder in adders]
    assert sum(added) == 100


async def test_a_busy_disk_does_not_hold_up_the_loop(tmp_path: Path) -> None:
    """Another process keeps the write lock: sets wait for it, the loop and the reads do not."""
    path = tmp_path / "c.db"
    async with Cache(f"sqlite:///{path}") as cache:
        await cache.set("k", 1)
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            waiting = asyncio.create_task(cache.set("k", 2))
            ticks = 0
            while ticks < 20:
                await asyncio.sleep(0.001)
                ticks += 1
            assert not waiting.done()
            other.execute("ROLLBACK")
            await waiting
        assert await cache.get("k") == 2


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
async def test_after_a_fork_the_child_is_told_to_open_its_own(tmp_path: Path) -> None:
    from mizzen.cache import TierUnavailable
    from mizzen.cache._worker import Worker

    worker = Worker("forked")
    worker._pid = -1  # as it is seen from a child
    with pytest.raises(TierUnavailable, match="fork"):
        await worker.run(lambda: None)
    worker._pid = os.getpid()
    await worker.stop(lambda: None, 5)
