# ruff: noqa: ASYNC110  (what is polled is a store: it has no event for it)
"""What a durable job costs, beside huey on SQLite and PgQueuer on PostgreSQL; history is kept."""

from __future__ import annotations

import asyncio
import logging
import statistics
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
from huey import SqliteHuey
from pgqueuer import PgQueuer
from pgqueuer.adapters.drivers.psycopg import PsycopgDriver
from pgqueuer.queries import Queries
from pgqueuer.types import QueueExecutionMode
from table import Figure

from mizzen.queue import Queue
from mizzen.testing import postgres

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

JOBS, SINGLES, LOOKS, ROUNDS = 20_000, 500, 30, 3
CONCURRENCY = 10


def measure() -> list[Figure]:
    """Return rates in jobs per second, medians of alternate rounds; and the idle latency."""
    logging.disable(logging.WARNING)
    with tempfile.TemporaryDirectory() as folder:
        figures = beside_huey(Path(folder))
    with postgres() as server:
        return figures + beside_pgqueuer(server.fresh)


def beside_huey(folder: Path) -> list[Figure]:
    rounds = [
        (
            asyncio.run(ours(f"sqlite:///{folder}/ours{n}.db", latency=n == 0)),
            huey(folder / f"huey{n}.db", latency=n == 0),
        )
        for n in range(ROUNDS)
    ]
    latency = Figure(
        "SQLite, idle latency enqueue to start, median ms",
        rounds[0][0]["latency"], rounds[0][1]["latency"], "huey", goal=50,
    )  # fmt: skip
    return [
        median("SQLite, drain, jobs/s", "drain", rounds, "huey", 10),
        median("SQLite, enqueue one by one, jobs/s", "singles", rounds, "huey", 1.3),
        latency,
    ]


def beside_pgqueuer(fresh: Callable[[], object]) -> list[Figure]:
    rounds = []
    for _ in range(ROUNDS):
        with fresh() as url:
            mine = asyncio.run(ours(url))
        with fresh() as url:
            rounds.append((mine, asyncio.run(pgqueuer(url))))
    return [
        median("PostgreSQL, drain, jobs/s", "drain", rounds, "PgQueuer", 2.8),
        median("PostgreSQL, enqueue one by one, jobs/s", "singles", rounds, "PgQueuer", 1.8),
        median("PostgreSQL, enqueue in bulk, jobs/s", "bulk", rounds, "PgQueuer", 2),
    ]


def median(
    figure: str,
    key: str,
    rounds: list[tuple[dict[str, float], dict[str, float]]],
    peer: str,
    goal: float,
) -> Figure:
    mine, theirs = (
        statistics.median(side[key] for side in sides) for sides in zip(*rounds, strict=True)
    )
    return Figure(figure, mine, theirs, peer, goal=goal, lower_is_better=False)


async def ours(url: str, *, latency: bool = False) -> dict[str, float]:
    q = Queue(url)
    started = asyncio.Event()

    @q.job
    async def noop(n: int) -> None:
        started.set()

    rates: dict[str, float] = {}
    async with q:
        rates["bulk"] = await rate(JOBS, lambda: q.enqueue_many([noop(n) for n in range(JOBS)]))

        async def drain() -> None:  # until the last job is in history, not merely run
            async with q.worker(concurrency=CONCURRENCY):
                while (await q.counts())["done"] < JOBS:
                    await asyncio.sleep(0.01)

        rates["drain"] = await rate(JOBS, drain)

        async def singles() -> None:
            for n in range(SINGLES):
                await noop(n).enqueue()

        rates["singles"] = await rate(SINGLES, singles)
        if latency:
            async with q.worker():
                while (await q.counts())["queued"]:
                    await asyncio.sleep(0.01)
                seen = []
                for n in range(LOOKS):
                    await asyncio.sleep(0.2)
                    started.clear()
                    begun = time.perf_counter()
                    await noop(n).enqueue()
                    await started.wait()
                    seen.append(time.perf_counter() - begun)
            rates["latency"] = statistics.median(seen) * 1000
    return rates


def huey(path: Path, *, latency: bool = False) -> dict[str, float]:
    app = SqliteHuey(filename=str(path))
    ran, started = [], threading.Event()

    @app.task()
    def noop(n: int) -> None:
        ran.append(n)
        started.set()

    rates: dict[str, float] = {}
    begun = time.perf_counter()
    for n in range(SINGLES * 4):
        noop(n)
    rates["singles"] = SINGLES * 4 / (time.perf_counter() - begun)
    consumer = app.create_consumer(workers=1, periodic=False)
    begun = time.perf_counter()
    consumer.start()
    while len(ran) < SINGLES * 4:
        time.sleep(0.005)
    rates["drain"] = SINGLES * 4 / (time.perf_counter() - begun)
    if latency:
        seen = []
        for n in range(LOOKS):
            time.sleep(0.2)
            started.clear()
            begun = time.perf_counter()
            noop(n)
            started.wait()
            seen.append(time.perf_counter() - begun)
        rates["latency"] = statistics.median(seen) * 1000
    consumer.stop(graceful=True)
    return rates


async def pgqueuer(url: str) -> dict[str, float]:
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        driver = PsycopgDriver(connection)
        queries = Queries(driver)
        await queries.install()
        app = PgQueuer(driver)

        @app.entrypoint("noop")
        async def noop(job: object) -> None:
            pass

        names, payloads, priorities = ["noop"] * JOBS, [b'{"n":1}'] * JOBS, [0] * JOBS
        rates = {"bulk": await rate(JOBS, lambda: queries.enqueue(names, payloads, priorities))}
        rates["drain"] = await rate(
            JOBS, lambda: app.run(batch_size=500, mode=QueueExecutionMode.drain)
        )

        async def singles() -> None:
            for _ in range(SINGLES):
                await queries.enqueue("noop", b'{"n":1}')

        rates["singles"] = await rate(SINGLES, singles)
        return rates


async def rate(jobs: int, work: Callable[[], Awaitable[object]]) -> float:
    begun = time.perf_counter()
    await work()
    return jobs / (time.perf_counter() - begun)
