"""A worker is a process that may be killed at any moment: nothing is lost, nothing done twice."""

# ruff: noqa: ASYNC110  (what is polled is a store, or a worker: neither has an event for it)

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from mizzen.queue import JobFailed, Queue, Retry

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.slow

JOBS = """
import asyncio, os, time
from mizzen.queue import Queue, Retry

q = Queue(os.environ["QUEUE_URL"])
ran = os.open("ran.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)

@q.job
async def note(n: int) -> int:
    await asyncio.sleep(0.001)
    os.write(ran, f"{n}\\n".encode())
    return n

@q.job(retry=Retry(max=2))
async def poison() -> None:
    os.write(ran, b"poison\\n")
    await asyncio.sleep(0.05)
    os._exit(7)

@q.job
async def long() -> None:
    os.write(ran, b"long\\n")
    print("long started", flush=True)
    await asyncio.sleep(float(os.environ.get("LONG", "60")))
"""
PREFETCH = 500


def define(q: Queue) -> Any:
    """The same jobs for the process that only enqueues."""

    @q.job
    async def note(n: int) -> int:
        raise NotImplementedError

    @q.job(retry=Retry(max=2))
    async def poison() -> None:
        raise NotImplementedError

    @q.job
    async def long() -> None:
        raise NotImplementedError

    return note, poison, long


SERVER = [pytest.mark.extra("psycopg"), pytest.mark.extra("mizzen.testing")]


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=SERVER)])
def durable_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    (tmp_path / "jobs.py").write_text(JOBS)
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/app.db"
    return str(request.getfixturevalue("postgres_url"))


async def test_no_job_is_lost_and_none_is_done_twice(
    durable_url: str, child: Callable[..., Any], tmp_path: Path
) -> None:
    count, kills = 3000, 4
    async with Queue(durable_url) as q:
        note, *_ = define(q)
        await q.enqueue_many([note(n) for n in range(count)])
        for kill in range(kills):
            worker = await child("worker", "jobs:q", QUEUE_URL=durable_url).start()
            await worker.line("working on")
            goal = count * (kill + 1) // (kills + 2)
            while (await q.counts())["done"] < goal:
                await asyncio.sleep(0.005)
            assert await worker.end(signal.SIGKILL) == -signal.SIGKILL
        worker = await child("worker", "jobs:q", QUEUE_URL=durable_url).start()
        await worker.line("working on")
        # The new worker takes over at once: it needn't wait for a lease of 15 s.
        began = time.monotonic()
        async with asyncio.timeout(14):
            while (await q.counts())["done"] < count:
                await asyncio.sleep(0.02)
        assert time.monotonic() - began < 14
        counts = await q.counts()
        assert await worker.end(signal.SIGTERM) == 0
    assert counts == {
        "queued": 0, "scheduled": 0, "running": 0, "done": count, "dead": 0, "cancelled": 0,
    }  # fmt: skip
    runs = Counter((tmp_path / "ran.log").read_text().split())
    assert set(runs) == {str(n) for n in range(count)}
    assert runs.total() - count <= PREFETCH * kills


async def test_the_job_that_ends_its_process_is_dead_and_its_neighbours_are_done(
    durable_url: str, child: Callable[..., Any], tmp_path: Path
) -> None:
    async with Queue(durable_url) as q:
        note, poison, _ = define(q)
        handle = await poison().enqueue()
        neighbours = await q.enqueue_many([note(n) for n in range(50)])
        deaths = 0
        while await handle.status() != "dead":
            worker = await child("worker", "jobs:q", QUEUE_URL=durable_url).start()
            while worker.process.returncode is None and await handle.status() != "dead":
                await asyncio.sleep(0.02)
            deaths += worker.process.returncode == 7
        with pytest.raises(JobFailed, match="WorkerDied"):
            await handle.result(timeout=1)
        # The first death only makes suspects; each of the two attempts then costs one more.
        assert deaths == 3
        for neighbour in neighbours:
            await neighbour.result(timeout=10)
            assert (await neighbour.record()).attempt == 1


async def test_sigterm_lets_the_running_job_finish(
    durable_url: str, child: Callable[..., Any]
) -> None:
    async with Queue(durable_url) as q:
        note, _, long = define(q)
        running = await long().enqueue()
        worker = await child(
            "worker", "jobs:q", "--concurrency", "1", QUEUE_URL=durable_url, LONG="0.5"
        ).start()
        await worker.line("long started")
        waiting = await note(1).enqueue()
        assert await worker.end(signal.SIGTERM) == 0
        assert await running.status() == "done"
        assert await waiting.status() == "queued"


async def test_a_producer_killed_in_its_transaction_enqueues_nothing(
    tmp_path: Path, child: Callable[..., Any]
) -> None:
    url = f"sqlite:///{tmp_path}/app.db"
    (tmp_path / "producer.py").write_text(
        JOBS
        + """
import sqlite3, sys

async def produce():
    await q.start()
    tx = sqlite3.connect("app.db")
    tx.execute("CREATE TABLE data (n)")
    tx.execute("INSERT INTO data VALUES (1)")
    await note(1).enqueue(tx=tx)
    print("in the middle", flush=True)
    time.sleep(60)

asyncio.run(produce())
"""
    )
    producer = await child("worker", "producer:q", QUEUE_URL=url).start()
    await producer.line("in the middle")
    await producer.end(signal.SIGKILL)
    async with Queue(url) as q:
        assert sum((await q.counts()).values()) == 0


async def test_a_worker_stopped_past_its_lease_completes_nothing_any_more(tmp_path: Path) -> None:
    # In one process: the stale worker's claim is taken away while its job still runs.
    async with Queue(f"sqlite:///{tmp_path}/app.db") as q:
        started, go_on = asyncio.Event(), asyncio.Event()
        runs: list[int] = []

        @q.job
        async def work() -> int:
            runs.append(1)
            if len(runs) == 1:
                started.set()
                await go_on.wait()
                return 1
            return 2

        handle = await work().enqueue()
        async with q.worker():
            await started.wait()
            assert await q.store.rescue(15, lambda _: False) == 1
            async with q.worker():
                assert await handle.result(timeout=5) == 2
            go_on.set()
            while not q.stats()["refused_total"]:
                await asyncio.sleep(0.001)
        assert await handle.result(timeout=1) == 2
        assert (await q.counts())["done"] == 1


async def test_a_queue_does_not_cross_a_fork(tmp_path: Path) -> None:
    async with Queue(f"sqlite:///{tmp_path}/app.db") as q:
        note, *_ = define(q)
        # Not really forked: a test process with threads had better not.
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("mizzen.queue.stores._sqlite_thread.os.getpid", lambda: -1)
            with pytest.raises(Exception, match="before a fork"):
                await note(1).enqueue()


async def test_the_lookups_use_the_partial_indexes(tmp_path: Path) -> None:
    from mizzen.queue.stores import _sqlite_schema as sql

    async with Queue(f"sqlite:///{tmp_path}/app.db"):
        connection = sqlite3.connect(f"{tmp_path}/app.db")
        plans = {
            "mizzen_job_open": [(sql.NEXT_PAIR, ("", "")), (sql.READY, ("q", "k", 5))],
            "mizzen_job_due": [(sql.PROMOTE, (1.0,))],
        }
        for index, statements in plans.items():
            for statement, values in statements:
                plan = connection.execute(f"EXPLAIN QUERY PLAN {statement}", values).fetchall()
                assert f"INDEX {index}" in str(plan)
                assert "TEMP B-TREE" not in str(plan)
        connection.close()


def test_the_process_is_told_from_one_that_got_its_number() -> None:
    from mizzen.queue._process import introduce, is_alive
    from mizzen.queue.abc import WorkerInfo

    me = introduce()
    assert is_alive(me)
    assert is_alive(WorkerInfo(1, "another host", 1, "x"))
    if me.born:
        assert not is_alive(WorkerInfo(1, me.host, os.getpid(), "1"))
    assert not is_alive(WorkerInfo(1, me.host, 2**22 + 7, ""))
