"""Jobs that are stopped while they run, and that tell how far they are."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import TYPE_CHECKING

import pytest

from mizzen.queue import JobCancelled, Progress, Queue, current_job

if TYPE_CHECKING:
    from mizzen.queue import Handle


async def running(handle: Handle[None]) -> None:
    async with asyncio.timeout(5):
        while await handle.status() != "running":  # noqa: ASYNC110
            await asyncio.sleep(0.005)


async def test_a_running_job_is_stopped(q: Queue) -> None:
    stopped = asyncio.Event()

    @q.job
    async def endless() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            stopped.set()

    async with q.worker(concurrency=1):
        handle = await endless().enqueue()
        behind = await endless().enqueue()
        await running(handle)
        assert await handle.cancel()
        with pytest.raises(JobCancelled):
            await handle.result(timeout=5)
        assert stopped.is_set()
        assert await behind.cancel()
        with pytest.raises(JobCancelled):
            await behind.result(timeout=5)
        assert not await handle.cancel()
        assert (await q.counts())["cancelled"] == 2
        assert q.stats()["cancelled_total"] >= 1


async def test_a_job_of_another_process_worker_is_stopped_too(sqlite_q: Queue) -> None:
    @sqlite_q.job
    async def endless() -> None:
        await asyncio.sleep(60)

    # Another queue object on the same file knows nothing of the first but what is stored.
    async with Queue(sqlite_q.url) as other, sqlite_q.worker():
        handle = await endless().enqueue()
        await running(handle)
        assert await other.cancel(handle.id)
        with pytest.raises(JobCancelled):
            await handle.result(timeout=5)


async def test_a_thread_is_told_and_its_job_is_cancelled(q: Queue) -> None:
    seen = threading.Event()

    @q.job
    def patient() -> None:
        job = current_job()
        end = time.monotonic() + 10
        while not job.cancelled and time.monotonic() < end:
            time.sleep(0.005)
        if job.cancelled:
            seen.set()

    async with q.worker():
        handle = await patient().enqueue()
        await running(handle)
        await handle.cancel()
        with pytest.raises(JobCancelled):
            await handle.result(timeout=5)
        assert await asyncio.to_thread(seen.wait, 5)


@pytest.mark.parametrize("in_thread", [False, True])
async def test_progress_is_told_while_it_runs_and_kept(q: Queue, in_thread: bool) -> None:
    go_on = threading.Event()

    def half() -> None:
        current_job().progress(5, 10, "halfway")

    if in_thread:

        @q.job(name="work")
        def work() -> None:
            half()
            go_on.wait(5)
            current_job().progress(10, 10)

    else:

        @q.job(name="work")
        async def work() -> None:
            half()
            await asyncio.to_thread(go_on.wait, 5)
            current_job().progress(10, 10)

    async with q.worker():
        handle = await work().enqueue()
        async with asyncio.timeout(5):
            while (told := await handle.progress()) is None:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        assert told == Progress(5, 10, "halfway")
        assert told.fraction == 0.5
        go_on.set()
        await handle.result(timeout=5)
        assert await handle.progress() == Progress(10, 10)


def test_a_fraction_needs_a_total() -> None:
    assert Progress(3).fraction is None
    assert Progress(30, 10).fraction == 1
