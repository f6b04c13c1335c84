# ruff: noqa: ASYNC110  (what is polled is a store: it has no event for it)
"""What a drain loses while somebody holds an old snapshot, that keeps every dead row alive."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import time
from typing import TYPE_CHECKING

import psycopg

from mizzen.queue import Queue

if TYPE_CHECKING:
    from collections.abc import Generator

JOBS, AT_ONCE = 100_000, 5_000


async def drained(url: str, *, disturbed: bool) -> float:
    """Return the jobs per second of a drain, beside an old snapshot or not."""
    async with Queue(url, history_rows=2 * JOBS) as q:

        @q.job
        async def noop(n: int) -> None: ...

        for _ in range(0, JOBS, AT_ONCE):
            await q.enqueue_many([noop(n) for n in range(AT_ONCE)])
        with snapshot(url) if disturbed else contextlib.nullcontext():
            begun = time.perf_counter()
            async with q.worker():
                while (await q.counts())["done"] < JOBS:
                    await asyncio.sleep(0.1)
            return JOBS / (time.perf_counter() - begun)


@contextlib.contextmanager
def snapshot(url: str) -> Generator[None]:
    """Hold a transaction open that has read."""
    query = "SELECT count(*) FROM mizzen_job"
    if url.startswith("sqlite"):
        lite = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
        with contextlib.closing(lite):
            lite.execute("BEGIN")
            lite.execute(query).fetchall()
            yield
    else:
        with psycopg.connect(url) as server:
            server.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            server.execute(query)
            yield
