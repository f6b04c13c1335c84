# ruff: noqa: ASYNC110  (what is polled is a store: it has no event for it)
"""What a durable job costs, beside huey on SQLite and PgQueuer on PostgreSQL, and on MariaDB.

History is kept.
"""

from __future__ import annotations

import asyncio
import logging
import statistics
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import snapshots
import waits
from huey import SqliteHuey
from pgqueuer import PgQueuer
from pgqueuer.adapters.drivers.psycopg import PsycopgDriver
from pgqueuer.queries import Queries
from pgqueuer.types import QueueExecutionMode
from table import Figure

from mizzen.queue import Queue
from mizzen.testing import mariadb, postgres

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from contextlib import AbstractContextManager

JOBS, SINGLES, ROUNDS = 20_000, 500, 3
CONCURRENCY = 10


def measure() -> list[Figure]:
    """Return rates in jobs per second, medians of alternate rounds; and how long things wait."""
    logging.disable(logging.WARNING)
    with tempfile.TemporaryDirectory() as folder:
        figures = beside_huey(Path(folder))
    with postgres() as server:
        figures += beside_pgqueuer(server.fresh)
    with mariadb() as server:
        return figures + on_mariadb(server.fresh)


def beside_huey(folder: Path) -> list[Figure]:
    rounds = [
        (asyncio.run(ours(f"sqlite:///{folder}/ours{n}.db")), huey(folder / f"huey{n}.db"))
        for n in range(ROUNDS)
    ]
    bulk = statistics.median(mine["bulk"] for mine, _ in rounds)
    busy = waits.p99(asyncio.run(waits.beside_busy(folder)))
    mine = asyncio.run(waits.idle(f"sqlite:///{folder}/idle.db"))
    theirs = waits.idle_huey(folder / "idle-huey.db")
    calm, disturbed = (
        asyncio.run(snapshots.drained(f"sqlite:///{folder}/snap{held}.db", disturbed=held))
        for held in (False, True)
    )
    return [
        median("SQLite, drain, jobs/s", "drain", rounds, "huey", 10),
        median("SQLite, enqueue one by one, jobs/s", "singles", rounds, "huey", 1.3),
        Figure(
            "SQLite, enqueue in bulk, jobs/s", bulk, 100_000, "the goal",
            goal=1, lower_is_better=False,
        ),
        idle("SQLite", mine, theirs, "huey", 50),
        Figure("SQLite, enqueue beside a busy worker, p99 ms", busy, 5, "the goal", goal=1),
        Figure(
            "SQLite, drain beside an old snapshot, jobs/s", disturbed, calm, "without it",
            goal=0.75, lower_is_better=False,
        ),
    ]  # fmt: skip


def beside_pgqueuer(fresh: Callable[[], AbstractContextManager[str]]) -> list[Figure]:
    rounds: list[tuple[dict[str, float], dict[str, float]]] = []
    for _ in range(ROUNDS):
        with fresh() as url:
            mine = asyncio.run(ours(url))
        with fresh() as url:
            rounds.append((mine, asyncio.run(pgqueuer(url))))
    with fresh() as url:
        waited = asyncio.run(waits.idle(url))
    with fresh() as url:
        theirs = asyncio.run(waits.idle_pgqueuer(url))
    with fresh() as url:
        calm = asyncio.run(snapshots.drained(url, disturbed=False))
    with fresh() as url:
        disturbed = asyncio.run(snapshots.drained(url, disturbed=True))
    return [
        median("PostgreSQL, drain, jobs/s", "drain", rounds, "PgQueuer", 2.8),
        median("PostgreSQL, enqueue one by one, jobs/s", "singles", rounds, "PgQueuer", 1.8),
        median("PostgreSQL, enqueue by ten tasks, jobs/s", "tens", rounds, "PgQueuer", 1.8),
        median("PostgreSQL, enqueue in bulk, jobs/s", "bulk", rounds, "PgQueuer", 2),
        idle("PostgreSQL", waited, theirs, "PgQueuer", 1),
        Figure(
            "PostgreSQL, drain beside an old snapshot, jobs/s", disturbed, calm, "without it",
            goal=0.75, lower_is_better=False,
        ),
    ]  # fmt: skip


def on_mariadb(fresh: Callable[[], AbstractContextManager[str]]) -> list[Figure]:
    rounds: list[dict[str, float]] = []
    for _ in range(ROUNDS):
        with fresh() as url:
            rounds.append(asyncio.run(ours(url)))
    drained, bulk = (statistics.median(mine[key] for mine in rounds) for key in ("drain", "bulk"))
    return [
        Figure(f"MariaDB, {what}, jobs/s", rate, goal, "the goal", goal=1, lower_is_better=False)
        for what, rate, goal in (("drain", drained, 10_000), ("enqueue in bulk", bulk, 30_000))
    ]


def idle(store: str, mine: list[float], theirs: list[float], peer: str, goal: float) -> Figure:
    figure = f"{store}, idle, enqueue to start, p99 ms"
    return Figure(figure, waits.p99(mine), waits.p99(theirs), peer, goal=goal)


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


async def ours(url: str) -> dict[str, float]:
    q = Queue(url)

    @q.job
    async def noop(n: int) -> None: ...

    async def drain() -> None:  # until the last job is in history, not merely run
        async with q.worker(concurrency=CONCURRENCY):
            while (await q.counts())["done"] < JOBS:
                await asyncio.sleep(0.01)

    async with q:
        rates = {"bulk": await rate(JOBS, lambda: q.enqueue_many([noop(n) for n in range(JOBS)]))}
        rates["drain"] = await rate(JOBS, drain)
        return rates | await singles(lambda: noop(1).enqueue())


def huey(path: Path) -> dict[str, float]:
    app = SqliteHuey(filename=str(path))
    ran: list[int] = []

    @app.task()
    def noop(n: int) -> None:
        ran.append(n)

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

        return rates | await singles(lambda: queries.enqueue("noop", b'{"n":1}'))


async def singles(enqueue: Callable[[], Awaitable[object]]) -> dict[str, float]:
    async def one_by_one(times: int) -> None:
        for _ in range(times):
            await enqueue()

    async def by_ten() -> None:
        await asyncio.gather(*(one_by_one(SINGLES // 10) for _ in range(10)))

    return {
        "singles": await rate(SINGLES, lambda: one_by_one(SINGLES)),
        "tens": await rate(SINGLES, by_ten),
    }


async def rate(jobs: int, work: Callable[[], Awaitable[object]]) -> float:
    begun = time.perf_counter()
    await work()
    return jobs / (time.perf_counter() - begun)
