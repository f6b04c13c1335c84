"""What a hit and a write cost, in memory, decorated, on disk; each beside its peers in one run."""

from __future__ import annotations

import asyncio
import tempfile
import threading
import time
from typing import TYPE_CHECKING, Any

import aiocache
import cachetools
import cashews
import diskcache
from async_lru import alru_cache
from table import Figure, alternate

from mizzen.cache import Cache

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

HITS = 20_000
DISK = 300


def measure() -> list[Figure]:
    """Return all figures; files lie in a temporary folder."""
    with tempfile.TemporaryDirectory() as folder, asyncio.Runner() as runner:
        return [*_memory(runner), *_decorated(runner), *_disk(runner, folder)]


def _memory(runner: asyncio.Runner) -> Iterator[Figure]:
    cache = runner.run(Cache("memory:").start())
    peer = cashews.Cache()
    peer.setup("mem://")
    plain = cachetools.TTLCache[str, int](1000, 600)
    plain["k"] = 1
    runner.run(cache.set("k", 1, ttl=600))
    runner.run(peer.set("k", 1, 600))

    def sync() -> float:
        begun = time.perf_counter()
        for _ in range(HITS):
            plain["k"]
        return (time.perf_counter() - begun) / HITS * 1e6

    ours = _repeated(runner, lambda: cache.get("k"), HITS)
    yield _compared(
        "awaited hit, µs", ours, _repeated(runner, lambda: peer.get("k"), 2000), "cashews", 12
    )
    yield _compared("awaited hit, µs", ours, sync, "cachetools TTLCache, sync", 8)
    runner.run(cache.aclose())


def _decorated(runner: asyncio.Runner) -> Iterator[Figure]:
    cache = runner.run(Cache("memory:").start())
    peer = cashews.Cache()
    peer.setup("mem://")

    async def function(n: int) -> int:
        return n

    plain = cachetools.cached(cachetools.TTLCache(1000, 600), lock=threading.Lock())(lambda n: n)
    lru = alru_cache(maxsize=1000)(function)
    aio = aiocache.cached(ttl=600)(function)
    cash = peer(ttl=600, key="f:{n}")(function)
    kept = cache.cached(ttl=600, type=int)(function)

    def sync() -> float:
        begun = time.perf_counter()
        for _ in range(HITS):
            plain(1)
        return (time.perf_counter() - begun) / HITS * 1e6

    ours = _repeated(runner, lambda: kept(1), HITS)
    name = "decorated hit, µs"
    yield _compared(name, ours, sync, "cachetools TTL and lock, sync", 3.5)
    yield _compared(name, ours, _repeated(runner, lambda: lru(1), HITS), "async-lru", 1.7)
    yield _compared(name, ours, _repeated(runner, lambda: aio(1), 2000), "aiocache", 60)
    yield _compared(name, ours, _repeated(runner, lambda: cash(1), 2000), "cashews", 120)
    runner.run(cache.aclose())


def _disk(runner: asyncio.Runner, folder: str) -> Iterator[Figure]:
    cache = runner.run(Cache(f"sqlite:///{folder}/ours.db").start())
    peer: Any = diskcache.Cache(f"{folder}/peer")
    value = {"name": "ann", "numbers": list(range(50))}
    many = {f"k{n}": value for n in range(100)}
    runner.run(cache.set_many(many))
    for key in many:
        peer.set(key, value)

    async def set_many() -> None:
        with peer.transact():
            for key in many:
                peer.set(key, value)

    def theirs(call: Callable[[], object]) -> Callable[[], float]:
        async def one() -> None:
            await asyncio.to_thread(call)

        return _repeated(runner, one, DISK)

    async def ours_at_once() -> None:
        await asyncio.gather(*(cache.get(f"k{n}") for n in range(50)))

    async def peer_at_once() -> None:
        await asyncio.gather(*(asyncio.to_thread(peer.get, f"k{n}") for n in range(50)))

    def run(call: Callable[[], Awaitable[object]], times: int = DISK) -> Callable[[], float]:
        return _repeated(runner, call, times)

    name = "diskcache by to_thread"
    yield _compared(
        "disk hit, µs", run(lambda: cache.get("k1")), theirs(lambda: peer.get("k1")), name, 1.2
    )
    yield _compared(
        "disk set, µs",
        run(lambda: cache.set("k1", value)),
        theirs(lambda: peer.set("k1", value)),
        name,
        4,
    )
    yield _compared(
        "disk set_many of 100, µs",
        run(lambda: cache.set_many(many), 20),
        run(set_many, 20),
        "diskcache transact",
        8,
    )
    yield _compared(
        "50 disk hits at once, µs", run(ours_at_once, 20), run(peer_at_once, 20), name, 4
    )
    runner.run(cache.aclose())
    peer.close()


def _repeated(
    runner: asyncio.Runner, call: Callable[[], Awaitable[object]], times: int
) -> Callable[[], float]:
    """Return a measurement: the mean microseconds of one awaited call."""

    async def loop() -> float:
        begun = time.perf_counter()
        for _ in range(times):
            await call()
        return (time.perf_counter() - begun) / times * 1e6

    return lambda: runner.run(loop())


def _compared(
    figure: str, ours: Callable[[], float], peer: Callable[[], float], name: str, goal: float
) -> Figure:
    return Figure(figure, *alternate(ours, peer, rounds=3), name, goal)
