"""Jobs over many items go on where they were."""

from __future__ import annotations

import asyncio
import itertools
import signal
import threading
import time
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from mizzen.queue import JobCancelled, JobFailed, Progress, Queue, Retry, current_job

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from pathlib import Path

AT_ONCE = Retry(max=3, base="1ms", jitter=0)


def numbers() -> Iterator[int]:
    yield from range(20)


async def async_numbers() -> AsyncIterator[int]:
    for n in range(20):
        yield n


def days(after: date | None) -> Iterator[tuple[date, int]]:
    """The days of a month, from a table that is read by its key."""
    day = date(2026, 1, 1) if after is None else after + timedelta(days=1)
    while day <= date(2026, 1, 20):
        yield day, day.day - 1
        day += timedelta(days=1)


async def async_days(after: date | None) -> AsyncIterator[tuple[date, int]]:
    for pair in days(after):
        yield pair


SOURCES: list[Any] = [
    lambda: range(20), lambda: dict.fromkeys(range(20)), numbers, async_numbers, lambda: days,
    lambda: async_days,
]  # fmt: skip


@pytest.mark.parametrize("source", SOURCES, ids=range(len(SOURCES)))
async def test_a_failed_item_is_the_first_of_the_next_run(q: Queue, source: Any) -> None:
    seen: list[int] = []

    @q.job(retry=AT_ONCE)
    async def work() -> int:
        job = current_job()
        async for n in job.iterate(source(), every="1h"):
            seen.append(n)
            if n == 7 * job.attempt:
                raise ConnectionError
        return len(seen)

    async with q.worker():
        assert await (await work().enqueue()).result(timeout=5) == 22
    assert seen == [*range(8), *range(7, 15), *range(14, 20)]


@pytest.mark.parametrize("source", [lambda: range(20), numbers, lambda: days], ids=range(3))
async def test_iterations_of_a_thread(q: Queue, source: Any) -> None:
    seen: list[int] = []

    @q.job(retry=AT_ONCE)
    def work() -> None:
        job = current_job()
        for n in job.iterate(source()):
            seen.append(n)
            if n == 7 and job.attempt == 1:
                raise ConnectionError

    async with q.worker():
        await (await work().enqueue()).result(timeout=5)
    assert seen == [*range(8), *range(7, 20)]


async def test_the_place_is_kept_every_so_often(q: Queue) -> None:
    kept: list[str] = []

    @q.job
    async def work() -> None:
        job = current_job()
        async for _ in job.iterate([0] * 30, name="rows", every="20ms"):
            await asyncio.sleep(0.005)
            memo = (await q.store.memos(job.id)).get("rows")
            if memo is not None and memo not in kept:
                kept.append(memo)

    async with q.worker():
        began = time.monotonic()
        handle = await work().enqueue()
        await handle.result(timeout=5)
    assert 2 <= len(kept) <= (time.monotonic() - began) / 0.02
    assert await q.store.memos(handle.id) == {"rows": "[30,null]"}
    assert await handle.progress() == Progress(30, 30)


@pytest.mark.parametrize("plain", [False, True])
async def test_a_worker_that_drains_stops_between_items(q: Queue, plain: bool) -> None:
    seen: list[int] = []
    started = threading.Event()

    def note(n: int) -> None:
        seen.append(n)
        if n == 5:
            started.set()

    if plain:

        @q.job(retry=Retry(max=1))
        def work() -> str:
            for n in current_job().iterate(range(200), every="1h"):
                note(n)
                time.sleep(0.005)
            return "done"

    else:

        @q.job(retry=Retry(max=1))
        async def work() -> str:
            async for n in current_job().iterate(range(200), every="1h"):
                note(n)
                await asyncio.sleep(0.005)
            return "done"

    async with q.worker(grace="10s"):
        handle = await work().enqueue()
        await asyncio.to_thread(started.wait, 5)
    assert (await handle.record()).attempt == 0
    assert await handle.status() == "queued"
    assert len(seen) < 200
    async with q.worker():
        assert await handle.result(timeout=10) == "done"
    assert seen == list(range(200))


async def test_an_item_that_outlasts_the_grace_is_the_only_one_repeated(q: Queue) -> None:
    seen: list[int] = []

    @q.job
    async def work() -> None:
        async for n in current_job().iterate(range(4), every="1h"):
            seen.append(n)
            if seen == [0, 1, 2]:
                await asyncio.sleep(60)

    async with q.worker(grace="50ms"):
        handle = await work().enqueue()
        while len(seen) < 3:  # noqa: ASYNC110
            await asyncio.sleep(0.005)
    async with q.worker():
        await handle.result(timeout=5)
    assert seen == [0, 1, 2, 2, 3]


async def test_a_thread_that_is_cancelled_stops_between_items(q: Queue) -> None:
    seen: list[int] = []

    @q.job
    def work() -> None:
        for n in current_job().iterate(range(100_000)):
            seen.append(n)
            time.sleep(0.002)

    async with q.worker():
        handle = await work().enqueue()
        while len(seen) < 3:  # noqa: ASYNC110
            await asyncio.sleep(0.005)
        await handle.cancel()
        with pytest.raises(JobCancelled):
            await handle.result(timeout=5)
        await asyncio.sleep(0.05)
        stopped = len(seen)
        await asyncio.sleep(0.05)
        assert len(seen) == stopped


async def test_a_loop_that_never_waits_leaves_the_event_loop_to_others(q: Queue) -> None:
    turns = 0
    ended = asyncio.Event()

    @q.job
    async def work() -> None:
        end = time.monotonic() + 0.1
        async for _ in current_job().iterate(iter(lambda: time.monotonic() < end, False)):
            pass
        ended.set()

    async with q.worker():
        await work().enqueue()
        while not ended.is_set():
            await asyncio.sleep(0)
            turns += 1
    assert turns > 3


async def test_mistakes_are_told(q: Queue) -> None:
    @q.job(retry=Retry(max=1))
    async def in_a_set() -> None:
        current_job().iterate({1, 2})

    @q.job(retry=Retry(max=1))
    async def twice() -> None:
        for _ in range(2):
            async for _ in current_job().iterate([1]):
                pass

    @q.job(retry=Retry(max=1))
    async def unkept() -> None:
        async for _ in current_job().iterate(lambda _: [(object(), 1)]):
            pass

    @q.job(retry=Retry(max=1))
    async def blocking() -> None:
        for _ in current_job().iterate([1]):
            pass

    async with q.worker():
        for job, message in [
            (in_a_set, r"iterate over sorted\(…\)"),
            (twice, "'items' already"),
            (unkept, "a cursor that JSON can carry"),
            (blocking, "write `async for`"),
        ]:
            with pytest.raises(JobFailed, match=message):
                await (await job().enqueue()).result(timeout=5)


JOBS = """
import asyncio, os
from mizzen.queue import Queue, current_job

q = Queue(os.environ["QUEUE_URL"])
ran = os.open("ran.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)

@q.job
async def walk() -> None:
    os.write(ran, b"run\\n")
    async for n in current_job().iterate(range(10_000), every="50ms"):
        os.write(ran, f"{n}\\n".encode())
        if n % 4 == 0:
            await asyncio.sleep(0.0001)
"""


@pytest.mark.slow
async def test_ten_thousand_items_through_three_kills(
    shared_url: str, child: Callable[..., Any], tmp_path: Path
) -> None:
    (tmp_path / "walking.py").write_text(JOBS)
    log = tmp_path / "ran.log"
    places = [0]
    async with Queue(shared_url) as q:

        @q.job
        async def walk() -> None:
            raise NotImplementedError

        handle = await walk().enqueue()
        for kill in range(1, 4):
            worker = await child("worker", "walking:q", QUEUE_URL=shared_url).start()
            await worker.line("working on")
            async with asyncio.timeout(30):
                while reached(log) < 2500 * kill:  # noqa: ASYNC110
                    await asyncio.sleep(0.005)
            assert await worker.end(signal.SIGKILL) == -signal.SIGKILL
            memo = (await q.store.memos(handle.id))["items"]
            places.append(int(memo.strip("[]").split(",")[0]))
        worker = await child("worker", "walking:q", QUEUE_URL=shared_url).start()
        await handle.result(timeout=60)
        assert await worker.end(signal.SIGTERM) == 0
    runs = [[int(n) for n in run.split()] for run in log.read_text().split("run\n")[1:]]
    assert len(runs) == 4
    # Each run goes on exactly where the last one had kept its place, and leaves nothing out.
    assert [run[0] for run in runs] == places
    assert all(run == list(range(run[0], run[-1] + 1)) for run in runs)
    assert runs[-1][-1] == 9_999
    assert {n for run in runs for n in run} == set(range(10_000))
    for run, following in itertools.pairwise(runs):
        assert 0 <= run[-1] + 1 - following[0] < 5000


@pytest.mark.slow
async def test_sigterm_lets_the_iteration_go_on_elsewhere(
    shared_url: str, child: Callable[..., Any], tmp_path: Path
) -> None:
    (tmp_path / "walking.py").write_text(JOBS)
    log = tmp_path / "ran.log"
    async with Queue(shared_url) as q:

        @q.job
        async def walk() -> None:
            raise NotImplementedError

        handle = await walk().enqueue()
        worker = await child("worker", "walking:q", QUEUE_URL=shared_url).start()
        await worker.line("working on")
        async with asyncio.timeout(30):
            while reached(log) < 200:  # noqa: ASYNC110
                await asyncio.sleep(0.005)
        assert await worker.end(signal.SIGTERM) == 0
        assert await handle.status() == "queued"
        worker = await child("worker", "walking:q", QUEUE_URL=shared_url).start()
        await handle.result(timeout=60)
        assert await worker.end(signal.SIGTERM) == 0
        assert (await handle.record()).attempt == 1
    assert [line for line in lines(log) if line != "run"] == [str(n) for n in range(10_000)]


def reached(log: Path) -> int:
    return max((int(line) for line in lines(log) if line != "run"), default=0)


def lines(log: Path) -> list[str]:
    return log.read_text().split() if log.exists() else []
