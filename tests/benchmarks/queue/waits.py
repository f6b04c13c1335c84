"""How long an enqueue waits for a start, and beside a busy worker for its commit."""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import psycopg
from huey import SqliteHuey
from pgqueuer import PgQueuer
from pgqueuer.adapters.drivers.psycopg import PsycopgDriver
from pgqueuer.queries import Queries

from mizzen.queue import Queue

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

LOOKS, BACKLOG = 100, 40_000

_rest = random.Random(1)  # as an even pace may fall in step with somebody's polling

BUSY = """
import asyncio, sys
from mizzen.queue import Queue

async def main():
    async with Queue(sys.argv[1]) as q:
        @q.job
        async def noop(n: int) -> None: ...
        async with q.worker():
            print("ready", flush=True)
            await asyncio.Event().wait()

asyncio.run(main())
"""


async def idle(url: str) -> list[float]:
    """Return the milliseconds from an enqueue to the start of its job, in an idle worker."""
    async with Queue(url) as q:
        started = asyncio.Event()

        @q.job
        async def noop(n: int) -> None:
            started.set()

        async with q.worker():
            return await starts(started, lambda: noop(1).enqueue())


async def idle_pgqueuer(url: str) -> list[float]:
    """Return the same of PgQueuer: its own worker, and a second connection that enqueues."""
    async with (
        await psycopg.AsyncConnection.connect(url, autocommit=True) as mine,
        await psycopg.AsyncConnection.connect(url, autocommit=True) as other,
    ):
        queries = Queries(PsycopgDriver(other))
        await queries.install()
        app = PgQueuer(PsycopgDriver(mine))
        started = asyncio.Event()

        @app.entrypoint("noop")
        async def noop(job: object) -> None:
            started.set()

        running = asyncio.create_task(app.run())
        await asyncio.sleep(1)
        seen = await starts(started, lambda: queries.enqueue("noop", b""))
        app.shutdown.set()
        await running
        return seen


def idle_huey(path: Path) -> list[float]:
    """Return the same of huey, whose consumer polls."""
    app = SqliteHuey(filename=str(path))
    started = threading.Event()

    @app.task()
    def noop() -> None:
        started.set()

    consumer = app.create_consumer(workers=1, periodic=False)
    consumer.start()
    seen: list[float] = []
    for _ in range(LOOKS):
        time.sleep(_rest.uniform(0.05, 0.15))
        started.clear()
        begun = time.perf_counter()
        noop()
        started.wait()
        seen.append((time.perf_counter() - begun) * 1000)
    consumer.stop(graceful=True)
    return seen


async def beside_busy(folder: Path) -> list[float]:
    """Return the milliseconds of enqueues while another process drains the same SQLite file."""
    url = f"sqlite:///{folder}/busy.db"
    async with Queue(url) as q:

        @q.job
        async def noop(n: int) -> None: ...

        for _ in range(0, BACKLOG, 2000):
            await q.enqueue_many([noop(n) for n in range(2000)])
        command = [sys.executable, "-c", BUSY, url]
        process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
        assert process.stdout is not None
        await process.stdout.readline()
        seen: list[float] = []
        while (await q.counts())["queued"] > 1000:
            for _ in range(10):
                begun = time.perf_counter()
                await noop(1).enqueue()
                seen.append((time.perf_counter() - begun) * 1000)
                await asyncio.sleep(0.002)
        process.terminate()
        await process.communicate()
        return seen


async def starts(started: asyncio.Event, enqueue: Callable[[], Awaitable[object]]) -> list[float]:
    """Return how long each of many single jobs took to start, in milliseconds."""
    seen: list[float] = []
    for _ in range(LOOKS):
        await asyncio.sleep(_rest.uniform(0.05, 0.15))
        started.clear()
        begun = time.perf_counter()
        await enqueue()
        await started.wait()
        seen.append((time.perf_counter() - begun) * 1000)
    return seen


def p99(seen: list[float]) -> float:
    """Return what one in a hundred takes at least."""
    return sorted(seen)[int(len(seen) * 0.99) - 1]
