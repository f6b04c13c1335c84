"""Steps that a job has done, it doesn't do again."""

from __future__ import annotations

import asyncio
import functools
import importlib
import signal
import sys
import time
from collections import Counter
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest

from mizzen.queue import ClaimLost, JobFailed, Queue, QueueError, Retry, current_job

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

AT_ONCE = Retry(max=3, base="1ms", jitter=0)


@dataclass
class Order:
    id: int
    day: date


async def test_a_retry_is_given_what_the_steps_returned(q: Queue) -> None:
    ran: Counter[str] = Counter()

    async def make(id: int, *, year: int, notes: Path | None = None) -> Order:
        ran["make"] += 1
        return Order(id, date(year, 1, 2))

    def price(order: Order) -> float:
        ran["price"] += 1
        assert current_job().id
        return order.id / 2

    @q.job(retry=AT_ONCE)
    async def sell() -> str:
        job = current_job()
        order = await job.step("make", make, 7, year=2026)
        cost = await job.step("price", functools.partial(price, order))
        nothing = await job.step("untyped", lambda: [(1, 2)])
        ran["whole"] += 1
        if job.attempt < 3:
            raise ConnectionError
        return f"{order} {cost} {nothing}"

    async with q.worker():
        handle = await sell().enqueue()
        result = await handle.result(timeout=5)
    # The same in the run that took the steps as in those that were given them.
    assert result == "Order(id=7, day=datetime.date(2026, 1, 2)) 3.5 [[1, 2]]"
    assert ran == {"make": 1, "price": 1, "whole": 3}


async def test_steps_of_a_thread(q: Queue) -> None:
    ran: Counter[str] = Counter()

    async def fetch(n: int) -> date:
        ran["fetch"] += 1
        await asyncio.sleep(0)
        return date(2026, 1, n)

    def plain() -> int:
        ran["plain"] += 1
        return 4

    @q.job(retry=AT_ONCE)
    def work() -> str:
        job = current_job()
        day = job.step_sync("fetch", fetch, 5)
        number = job.step_sync("plain", plain)
        if job.attempt == 1:
            raise ConnectionError
        return f"{day} {number}"

    async with q.worker():
        assert await (await work().enqueue()).result(timeout=5) == "2026-01-05 4"
    assert ran == {"fetch": 1, "plain": 1}


async def test_a_step_that_fails_is_taken_again_and_the_others_are_not(q: Queue) -> None:
    ran: Counter[str] = Counter()

    async def take(name: str) -> str:
        ran[name] += 1
        if name == "b" and ran["b"] < 3:
            raise ConnectionError(name)
        return name

    @q.job(retry=AT_ONCE)
    async def both() -> list[str]:
        job = current_job()
        await asyncio.gather(job.step("a", take, "a"), job.step("c", take, "c"))
        try:
            return [await job.step("b", take, "b")]
        except ConnectionError:
            return [await job.step("b", take, "b")]

    async with q.worker():
        assert await (await both().enqueue()).result(timeout=5) == ["b"]
    assert ran == {"a": 1, "c": 1, "b": 3}


async def test_a_dead_job_that_is_retried_goes_on_after_its_steps(q: Queue) -> None:
    ran: list[int] = []

    @q.job(retry=Retry(max=1))
    async def once() -> None:
        await current_job().step("only", ran.append, 1)
        if len(ran) == 1:
            ran.append(2)
            raise ConnectionError

    async with q.worker():
        handle = await once().enqueue()
        with pytest.raises(JobFailed):
            await handle.result(timeout=5)
        assert await q.retry(handle.id)
        await handle.result(timeout=5)
    assert ran == [1, 2]


async def test_mistakes_are_told(q: Queue) -> None:
    async def one() -> int:
        return 1

    @q.job(retry=Retry(max=1))
    async def twice() -> None:
        for _ in range(2):
            await current_job().step("same", one)

    @q.job(retry=Retry(max=1))
    async def unkept() -> None:
        await current_job().step("bad", lambda: object())

    @q.job(retry=Retry(max=1))
    async def blocking() -> None:
        current_job().step_sync("x", one)

    async with q.worker():
        for job, message in [
            (twice, "already: give each its own name"),
            (unkept, "step 'bad' ran, but its result can't be kept"),
            (blocking, "would block the event loop"),
        ]:
            with pytest.raises(JobFailed, match=message):
                await (await job().enqueue()).result(timeout=5)
    with pytest.raises(QueueError, match="works inside a job's function"):
        await current_job().step("x", one)


async def test_a_job_in_a_process_of_its_own_is_told_that_it_has_no_steps(
    q: Queue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "apart.py").write_text(
        "from mizzen.queue import current_job\n"
        "def apart() -> int:\n"
        "    return current_job().step_sync('one', int)\n"
    )
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    apart: Any = importlib.import_module("apart")
    job: Any = q.job(run="process", retry=Retry(max=1))(apart.apart)
    async with q.worker():
        with pytest.raises(JobFailed, match="need the worker's own process"):
            await (await job().enqueue()).result(timeout=20)


async def test_a_run_that_was_replaced_keeps_no_step(q: Queue) -> None:
    started, go_on = asyncio.Event(), asyncio.Event()
    seen: list[object] = []

    async def wait() -> str:
        if not started.is_set():
            started.set()
            await go_on.wait()
            return "stale"
        return "fresh"

    @q.job
    async def work() -> str:
        try:
            return await current_job().step("wait", wait)
        except ClaimLost as lost:
            seen.append(lost)
            raise

    handle = await work().enqueue()
    async with q.worker():
        await started.wait()
        assert await q.store.rescue(15, lambda _: False) == 1
        async with q.worker():
            assert await handle.result(timeout=5) == "fresh"
            go_on.set()
            while not q.stats()["refused_total"]:  # noqa: ASYNC110
                await asyncio.sleep(0.001)
    assert len(seen) == 1
    assert await q.store.memos(handle.id) == {"wait": '"fresh"'}


JOBS = """
import asyncio, os, sys
from mizzen.queue import Queue, current_job

q = Queue(os.environ["QUEUE_URL"])
ran = os.open("ran.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)

async def take(name: str) -> str:
    os.write(ran, f"{name}\\n".encode())
    if name == "third" and "DIE" in os.environ:
        print("in the third", flush=True)
        await asyncio.sleep(60)
    return name

def take_plain(name: str) -> str:
    os.write(ran, f"{name}\\n".encode())
    return name

@q.job
async def three() -> list[str]:
    job = current_job()
    return [
        await job.step("first", take, "first"),
        await job.step("second", take_plain, "second"),
        await job.step("third", take, "third"),
    ]
"""


@pytest.mark.slow
async def test_killed_in_the_third_step_the_first_two_ran_once(
    shared_url: str, child: Callable[..., Any], tmp_path: Path
) -> None:
    (tmp_path / "stepping.py").write_text(JOBS)
    async with Queue(shared_url) as q:

        @q.job
        async def three() -> list[str]:
            raise NotImplementedError

        handle = await three().enqueue()
        worker = await child("worker", "stepping:q", QUEUE_URL=shared_url, DIE="1").start()
        await worker.line("in the third")
        assert await worker.end(signal.SIGKILL) == -signal.SIGKILL
        worker = await child("worker", "stepping:q", QUEUE_URL=shared_url).start()
        assert await handle.result(timeout=20) == ["first", "second", "third"]
        assert await worker.end(signal.SIGTERM) == 0
    assert Counter((tmp_path / "ran.log").read_text().split()) == {
        "first": 1, "second": 1, "third": 2,
    }  # fmt: skip


async def test_a_step_costs_two_short_statements_a_first_run(sqlite_q: Queue) -> None:
    # Per job one look at what is kept; per step one write.
    asked: Counter[str] = Counter()
    store: Any = sqlite_q.store
    for name in ("memos", "keep_memo"):
        method = getattr(store, name)

        def counted(*args: Any, method: Any = method, name: str = name) -> Any:
            asked[name] += 1
            return method(*args)

        setattr(store, name, counted)

    @sqlite_q.job
    async def many() -> float:
        began = time.process_time()
        for n in range(20):
            await current_job().step(f"step {n}", asyncio.sleep, 0)
        return time.process_time() - began

    async with sqlite_q.worker():
        await (await many().enqueue()).result(timeout=5)
    assert asked == {"memos": 1, "keep_memo": 20}
