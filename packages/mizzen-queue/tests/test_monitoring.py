# ruff: noqa: ASYNC110  (what is polled is a store: it has no event for it)

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

import pytest

from mizzen.queue import JobCancelled, Queue, QueueError, Retry, Tally
from mizzen.queue.abc import Store
from mizzen.queue.stores.memory import MemoryStore

if TYPE_CHECKING:
    from mizzen.queue import Event


async def test_jobs_are_listed_by_pages(q: Queue) -> None:
    @q.job(queue="mail")
    async def send(n: int) -> int:
        return n

    handles = await q.enqueue_many([send(n) for n in range(5)])
    first = await q.list(queue="mail", kind="send", status="queued", limit=3)
    rest = await q.list(limit=3, before=first[-1].id)
    assert [record.id for record in first + rest] == [handle.id for handle in reversed(handles)]
    assert first[0].args == '{"n":4}'
    assert (await q.list(brief=True))[0].args == "{}"
    assert await q.tally() == [Tally("mail", "send", "queued", 5, rest[-1].created_at)]
    with pytest.raises(ValueError, match="one job at least"):
        await q.list(limit=0)


async def test_throughput_has_every_minute(q: Queue) -> None:
    @q.job(retry=Retry(max=1))
    async def half(n: int) -> None:
        if n % 2:
            raise ValueError(n)

    async with q.worker():
        handles = await q.enqueue_many([half(n) for n in range(6)])
        for handle in handles[::2]:
            await handle.result(timeout=5)
        async with asyncio.timeout(5):
            while (await q.counts())["dead"] < 3:
                await asyncio.sleep(0.01)
    minutes = await q.throughput(5)
    assert len(minutes) == 5
    assert sum(minute.done for minute in minutes) == 3
    assert sum(minute.dead for minute in minutes) == 3
    assert timedelta() <= datetime.now(UTC) - minutes[-1].at < timedelta(minutes=2)
    assert minutes[1].at - minutes[0].at == timedelta(minutes=1)


async def test_workers_are_seen_while_they_live(q: Queue) -> None:
    assert await q.workers_alive() == []
    async with q.worker(), q.worker():
        first, second = await q.workers_alive()
        assert first.id != second.id
    assert await q.workers_alive() == []


async def test_all_dead_jobs_are_retried_however_many(q: Queue) -> None:
    works = False

    @q.job(retry=Retry(max=1))
    async def work(n: int) -> int:
        if not works:
            raise ValueError(n)
        return n

    @q.job(retry=Retry(max=1))
    async def other() -> None:
        raise ValueError

    async with q.worker():
        await q.enqueue_many([work(n) for n in range(1200)])
        await other().enqueue()
        async with asyncio.timeout(20):
            while (await q.counts())["dead"] < 1201:
                await asyncio.sleep(0.01)
        works = True
        assert await q.retry_all(kind="work") == 1200
        async with asyncio.timeout(20):
            while (await q.counts())["done"] < 1200:
                await asyncio.sleep(0.01)
    assert (await q.counts())["dead"] == 1
    assert await q.delete_all(status="done", queue="default") == 1200
    assert await q.delete_all(status="done") == 0
    (record,) = await q.list()
    assert await q.delete(record.id)
    assert not await q.delete(record.id)
    with pytest.raises(ValueError, match="only dead and cancelled"):
        await q.retry_all(status="done")
    with pytest.raises(ValueError, match="only ended jobs"):
        await q.delete_all(status="queued")


async def test_all_jobs_are_cancelled_where_they_wait_and_where_they_run(q: Queue) -> None:
    started = asyncio.Event()
    seen: list[str] = []

    def note(event: Event) -> None:
        seen.append(event.name)

    q.on("cancelled", note)

    @q.job(priority=1)
    async def endless() -> None:
        started.set()
        await asyncio.Event().wait()

    @q.job(queue="mail")
    async def send() -> None: ...

    running = await endless().enqueue()
    async with q.worker(queues=["default"]):
        await started.wait()
        waiting = await q.enqueue_many([send() for _ in range(700)])
        await send().enqueue(delay="1h")
        assert await q.cancel_all(status="scheduled") == 1
        assert await q.cancel_all() == 701
        for handle in (running, waiting[0]):
            with pytest.raises(JobCancelled):
                await handle.result(timeout=5)
    assert (await q.counts())["cancelled"] == 702
    assert seen == ["cancelled"] * 702
    with pytest.raises(ValueError, match="have ended"):
        await q.cancel_all(status="done")


async def test_a_store_that_cannot_be_watched_says_so() -> None:
    class Bare:
        """As a store that somebody wrote before there was monitoring."""

        def __init__(self) -> None:
            self._inner = MemoryStore()

        def __getattr__(self, name: str) -> Any:
            if name not in Store.__dict__:
                raise AttributeError(name)
            return getattr(self._inner, name)

    async with Queue(cast("Store", Bare())) as q:
        assert (await q.counts())["queued"] == 0
        with pytest.raises(QueueError, match="Bare can't be watched"):
            await q.list()
