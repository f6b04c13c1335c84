"""What `q.on` tells, and when."""

from __future__ import annotations

import asyncio
from typing import get_args

import pytest

from mizzen.queue import Event, GiveUp, JobCancelled, JobFailed, Queue, Retry
from mizzen.queue._records import EventName


def listen(q: Queue) -> list[tuple[str, int]]:
    told: list[tuple[str, int]] = []
    for name in get_args(EventName):
        q.on(name, lambda event: told.append((event.name, event.job.attempt)))
    return told


async def test_each_life_is_told_from_its_start_to_its_end(q: Queue) -> None:
    told = listen(q)

    @q.job(retry=Retry(max=2, base="1ms"))
    async def work(outcome: str) -> None:
        if outcome == "late" and len([name for name, _ in told if name == "started"]) > 2:
            return
        if outcome != "good":
            raise GiveUp if outcome == "hopeless" else ValueError(outcome)

    async with q.worker(concurrency=1):
        await (await work("good").enqueue()).result(timeout=5)
        await (await work("late").enqueue()).result(timeout=5)
        with pytest.raises(JobFailed):
            await (await work("hopeless").enqueue()).result(timeout=5)
    assert told == [
        *(("enqueued", 1), ("started", 1), ("succeeded", 1)),
        *(("enqueued", 1), ("started", 1), ("failed", 1), ("retried", 1)),
        *(("started", 2), ("succeeded", 2)),
        *(("enqueued", 1), ("started", 1), ("failed", 1), ("dead", 1)),
    ]


async def test_a_cancelled_job_is_told_of_wherever_it_was(q: Queue) -> None:
    seen: dict[int, list[Event]] = {}
    q.on("cancelled", lambda event: seen.setdefault(event.job.id, []).append(event))
    started = asyncio.Event()

    @q.job
    async def endless() -> None:
        started.set()
        await asyncio.sleep(60)

    scheduled = await endless().enqueue(delay="1h")
    assert await scheduled.cancel()
    assert not await scheduled.cancel()
    running = await endless().enqueue()
    async with q.worker(concurrency=1):
        await started.wait()
        prefetched = await endless().enqueue()
        async with asyncio.timeout(5):
            while await prefetched.status() != "running":  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        for handle in (prefetched, running):
            assert await handle.cancel()
        for handle in (prefetched, running):
            with pytest.raises(JobCancelled):
                await handle.result(timeout=5)
            record = await handle.record()
            assert record.finished_at == pytest.approx(q.store.clock(), abs=60)
    assert {id: len(events) for id, events in seen.items()} == {
        scheduled.id: 1,
        running.id: 1,
        prefetched.id: 1,
    }
    assert seen[running.id][0].seconds is not None
    assert seen[scheduled.id][0].seconds is None
    assert q.stats()["cancelled_total"] == 3


async def test_handlers_that_fail_are_counted_and_harm_nobody(q: Queue) -> None:
    told: list[str] = []

    def broken(event: Event) -> None:
        raise ZeroDivisionError

    async def broken_later(event: Event) -> None:
        await asyncio.sleep(0)
        raise ZeroDivisionError

    async def seen(event: Event) -> None:
        told.append(event.name)

    for name in get_args(EventName):
        for handler in (broken, broken_later, seen):
            q.on(name, handler)

    @q.job
    async def fine() -> int:
        return 1

    async with q.worker():
        assert await (await fine().enqueue()).result(timeout=5) == 1
        await (await fine().enqueue(delay="1h")).cancel()
    await q.listeners.settle(5)
    assert sorted(told) == ["cancelled", "enqueued", "enqueued", "started", "succeeded"]
    assert q.stats()["handler_errors_total"] == 10
