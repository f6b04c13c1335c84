from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from mizzen.queue import (
    BadResult,
    Event,
    Job,
    JobCancelled,
    NotStarted,
    Queue,
    QueueError,
    ResultTimeout,
    UnknownJob,
    current_job,
)


@dataclass
class Point:
    x: int
    y: int


async def test_an_enqueued_job_runs_and_returns_its_typed_result(q: Queue) -> None:
    @q.job
    async def mirror(point: Point, at: datetime) -> Point:
        assert at.tzinfo is UTC
        return Point(point.y, point.x)

    handle = await mirror(Point(1, 2), at=datetime(2026, 1, 2, tzinfo=UTC)).enqueue()
    assert await handle.status() == "queued"
    async with q.worker():
        assert await handle.result(timeout=5) == Point(2, 1)
    assert await handle.status() == "done"


async def test_a_plain_function_runs_in_a_thread(q: Queue) -> None:
    @q.job
    def where() -> tuple[str, int]:
        return threading.current_thread().name, current_job().attempt

    async with q.worker():
        name, attempt = await (await where().enqueue()).result(timeout=5)
    assert name != threading.main_thread().name
    assert attempt == 1


async def test_run_calls_the_function_itself(q: Queue) -> None:
    @q.job
    async def double(n: int) -> int:
        return 2 * n

    @q.job
    def treble(n: int) -> int:
        return 3 * n

    assert (await double.run(2), await treble.run(n=2)) == (4, 6)
    assert (await q.counts())["queued"] == 0


async def test_a_job_knows_itself(q: Queue) -> None:
    seen: list[Job] = []

    @q.job(queue="mail", priority=3)
    async def look() -> None:
        seen.append(current_job())

    handle = await look().enqueue()
    async with q.worker(queues=["mail"]):
        await handle.result(timeout=5)
    (job,) = seen
    assert (job.id, job.kind, job.queue, job.priority) == (handle.id, "look", "mail", 3)
    assert job.created_at.tzinfo is UTC
    with pytest.raises(QueueError, match="no job is running here"):
        current_job()


async def test_many_are_enqueued_in_order(q: Queue) -> None:
    seen: list[int] = []

    @q.job
    async def note(n: int) -> None:
        seen.append(n)

    handles = await q.enqueue_many([note(n) for n in range(1500)])
    async with q.worker(concurrency=1):
        await handles[-1].result(timeout=10)
    assert seen == list(range(1500))
    assert await q.enqueue_many([]) == []


async def test_higher_priority_runs_first(q: Queue) -> None:
    seen: list[str] = []

    @q.job
    async def note(name: str) -> None:
        seen.append(name)

    await note("low").enqueue()
    await note("high").enqueue(priority=9)
    async with q.worker(concurrency=1):
        await (await note("last").enqueue(priority=-1)).result(timeout=5)
    assert seen == ["high", "low", "last"]


async def test_a_delayed_job_runs_when_it_is_due(q: Queue) -> None:
    @q.job
    async def late() -> float:
        return asyncio.get_running_loop().time()

    async with q.worker():
        began = asyncio.get_running_loop().time()
        handle = await late().enqueue(delay=timedelta(seconds=0.2))
        assert await handle.status() == "scheduled"
        assert 0.2 <= await handle.result(timeout=5) - began < 0.9


async def test_results_of_another_queue_object_are_seen(sqlite_q: Queue) -> None:
    async with Queue(sqlite_q.url) as other:

        @sqlite_q.job
        async def five() -> int:
            return 5

        @other.job(name="five")
        async def other_five() -> int:
            return 5

        async with other.worker():
            assert await (await five().enqueue()).result(timeout=5) == 5


async def test_a_queued_job_can_be_cancelled(q: Queue) -> None:
    @q.job
    async def never() -> None:
        raise AssertionError("it ran")

    handle = await never().enqueue()
    assert await handle.cancel()
    assert not await handle.cancel()
    async with q.worker():
        with pytest.raises(JobCancelled):
            await handle.result(timeout=5)
    assert await q.retry(handle.id)
    assert await handle.status() == "queued"


async def test_waiting_for_a_result_ends_at_its_timeout(q: Queue) -> None:
    @q.job
    async def idle() -> None: ...

    handle = await idle().enqueue()
    with pytest.raises(ResultTimeout, match="is a worker running") as caught:
        await handle.result(timeout="50ms")
    assert isinstance(caught.value, TimeoutError)


async def test_an_unknown_id_is_an_error(q: Queue) -> None:
    with pytest.raises(UnknownJob, match="no job 77"):
        await q.handle(77).status()


async def test_a_result_that_json_cannot_carry_does_not_repeat_the_work(q: Queue) -> None:
    runs: list[int] = []

    @q.job
    async def strange() -> object:
        runs.append(1)
        return object()

    handle = await strange().enqueue()
    async with q.worker():
        with pytest.raises(BadResult, match="its result can't be kept"):
            await handle.result(timeout=5)
    assert await handle.status() == "done"
    assert runs == [1]


async def test_events_tell_what_happens(q: Queue) -> None:
    seen: list[str] = []
    all_told = asyncio.Event()

    @q.job
    async def fine() -> None: ...

    def plain(event: Event) -> None:
        seen.append(f"{event.name} {event.job.kind}")

    async def slow(event: Event) -> None:
        await asyncio.sleep(0)
        assert event.seconds is not None
        seen.append(f"async {event.name}")
        all_told.set()

    def broken(event: Event) -> None:
        raise RuntimeError("a listener's own fault")

    q.on("succeeded", broken)
    for name in ("enqueued", "started", "succeeded"):
        q.on(name, plain)
    remove = q.on("failed", plain)
    remove()
    remove()
    q.on("succeeded", slow)
    async with q.worker():
        await (await fine().enqueue()).result(timeout=5)
        await asyncio.wait_for(all_told.wait(), 5)
    assert seen == ["enqueued fine", "started fine", "succeeded fine", "async succeeded"]
    assert q.stats()["handler_errors_total"] == 1
    with pytest.raises(ValueError, match="no event is called"):
        q.on("exploded", plain)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


async def test_counts_can_be_narrowed(q: Queue) -> None:
    @q.job
    async def one() -> None: ...

    @q.job(queue="mail")
    async def two() -> None: ...

    await q.enqueue_many([one(), one()])
    await two().enqueue(delay=60)
    assert (await q.counts(kind="one"))["queued"] == 2
    assert (await q.counts(queue="mail"))["scheduled"] == 1
    assert set(await q.counts()) == {
        "queued", "scheduled", "running", "done", "dead", "cancelled",
    }  # fmt: skip


async def test_use_before_start_says_what_to_do(url: str) -> None:
    q = Queue(url)

    @q.job
    async def idle() -> None: ...

    with pytest.raises(NotStarted, match=r"await q.start\(\)"):
        await idle().enqueue()
    assert (await q.health())["ok"] is False
    await q.start()
    await idle().enqueue()
    await q.aclose()
    await q.aclose()
    with pytest.raises(NotStarted):
        await q.counts()
    async with q:
        assert (await q.health()) == {"ok": True, "detail": {"store": "ok"}}
