"""Workers die while jobs wait for others: none is lost, and each runs with all its results."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING, Any

import pytest

from mizzen.queue import RESULTS, Queue, chain, chord, group

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from mizzen.queue import JobFunction

JOBS = """
import asyncio, os
from mizzen.queue import Queue

q = Queue(os.environ["QUEUE_URL"])

@q.job
async def number(n: int) -> int:
    with open("ran.log", "a") as log:
        log.write("x")
    await asyncio.sleep(0.003)
    return n

@q.job
async def total(parts: list[int]) -> int:
    return sum(parts)
"""


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.extra("psycopg"))])
def durable_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/app.db"
    return str(request.getfixturevalue("postgres_url"))


async def test_workflows_survive_kill_nine(
    durable_url: str, tmp_path: Path, child: Callable[..., Any]
) -> None:
    (tmp_path / "jobs.py").write_text(JOBS)
    async with Queue(durable_url) as q:

        @q.job
        async def number(n: int) -> int:
            raise NotImplementedError

        @q.job
        async def total(parts: list[int]) -> int:
            raise NotImplementedError

        runs = [await _wide(number, total).enqueue() for _ in range(4)]
        for _ in range(2):
            workers = [
                await child("worker", "jobs:q", QUEUE_URL=durable_url).start() for _ in range(2)
            ]
            before = _ran(tmp_path)
            async with asyncio.timeout(60):
                while _ran(tmp_path) < before + 30:  # noqa: ASYNC110  (a file)
                    await asyncio.sleep(0.005)
            for worker in workers:
                await worker.end(signal.SIGKILL)
        last = await child("worker", "jobs:q", QUEUE_URL=durable_url).start()
        for run in runs:
            assert await run.result(timeout=60) == 435 * 2
        counts = await q.counts()
        assert counts["done"] == sum(counts.values()) == 4 * 63
        assert await last.end(signal.SIGTERM) == 0


def _wide(number: JobFunction[[int], int], total: JobFunction[[list[int]], int]) -> Any:
    wide = [chord([number(n) for n in range(30)], total(RESULTS)) for _ in range(2)]
    return chain(group(wide), total(RESULTS))


def _ran(folder: Path) -> int:
    log = folder / "ran.log"
    return len(log.read_text()) if log.exists() else 0
