# ruff: noqa: ASYNC110  (what is polled is a store, or a worker: neither has an event for it)

from __future__ import annotations

import asyncio
import contextlib
import time

import pytest

from mizzen.queue import Queue, QueueError, Retry, StoreError, current_job


async def test_closing_lets_running_jobs_finish_and_gives_the_rest_back(q: Queue) -> None:
    started, go_on = asyncio.Event(), asyncio.Event()

    @q.job
    async def wait() -> None:
        started.set()
        await go_on.wait()

    handles = await q.enqueue_many([wait() for _ in range(10)])
    worker = await q.worker(concurrency=2).start()
    await started.wait()
    closing = asyncio.create_task(worker.aclose())
    await asyncio.sleep(0.01)
    assert worker.state == "draining"
    go_on.set()
    await closing
    assert worker.state == "stopped"
    counts = await q.counts()
    assert counts["done"] >= 2
    assert counts["done"] + counts["queued"] == len(handles)
    assert counts["running"] == 0


async def test_a_job_that_outlives_the_grace_is_queued_again_uncharged(q: Queue) -> None:
    started = asyncio.Event()
    attempts: list[int] = []

    @q.job
    async def long() -> None:
        attempts.append(current_job().attempt)
        started.set()
        if len(attempts) == 1:
            await asyncio.sleep(60)

    handle = await long().enqueue()
    async with q.worker(grace="20ms"):
        await started.wait()
    assert await handle.status() == "queued"
    async with q.worker():
        await handle.result(timeout=5)
    assert attempts == [1, 1]


async def test_a_job_that_swallows_its_cancellation_cannot_hold_up_the_end(q: Queue) -> None:
    started, let_go = asyncio.Event(), asyncio.Event()

    @q.job
    async def stubborn() -> None:
        started.set()
        while not let_go.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await let_go.wait()

    handle = await stubborn().enqueue()
    began = time.monotonic()
    async with q.worker(grace="20ms"):
        await started.wait()
    let_go.set()
    assert time.monotonic() - began < 4
    assert await handle.status() == "queued"


async def test_those_who_cannot_wait_let_go_of_running_jobs(q: Queue) -> None:
    started = asyncio.Event()

    @q.job
    async def long() -> None:
        started.set()
        await asyncio.sleep(60)

    handle = await long().enqueue()
    worker = await q.worker(grace="60s").start()
    await started.wait()
    closing = asyncio.create_task(worker.aclose())
    await asyncio.sleep(0.05)
    assert not closing.done()
    worker.release()
    await asyncio.wait_for(worker.wait(), 10)
    await closing
    record = await q.store.find(handle.id)
    assert record is not None
    assert (record.status, record.attempt) == ("queued", 0)
    worker.release()  # there is nothing to let go of


async def test_it_may_be_closed_by_another_task_than_started_it(q: Queue) -> None:
    @q.job
    async def one() -> int:
        return 1

    worker = await asyncio.create_task(q.worker().start())
    assert await worker.start() is worker
    assert await (await one().enqueue()).result(timeout=5) == 1
    await asyncio.create_task(worker.aclose())
    await worker.aclose()
    async with worker:
        assert await (await one().enqueue()).result(timeout=5) == 1


async def test_closing_the_queue_drains_its_workers(url: str) -> None:
    q = Queue(url)

    @q.job
    async def one() -> int:
        await asyncio.sleep(0.05)
        return 1

    worker = await q.worker().start()
    handle = await one().enqueue()
    while await handle.status() != "running":
        await asyncio.sleep(0.001)
    await q.aclose()
    assert worker.state == "stopped"


async def test_a_loop_that_ends_without_closing_leaves_no_noise(url: str) -> None:
    def program() -> None:
        async def main() -> None:
            q = Queue(url)

            @q.job
            async def forever() -> None:
                await asyncio.Event().wait()

            await q.worker().start()
            handle = await forever().enqueue()
            while await handle.status() != "running":
                await asyncio.sleep(0.001)

        asyncio.run(main())

    await asyncio.to_thread(program)


async def test_a_store_that_fails_for_a_while_is_tried_again(
    q: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs: list[int] = []

    @q.job
    async def once() -> None:
        runs.append(1)

    failing, real = 2, q.store.step

    async def step(*args: object) -> object:
        nonlocal failing
        acks = args[1]
        if acks and failing:
            failing -= 1
            raise StoreError("the disk is full")
        return await real(*args)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]

    monkeypatch.setattr(q.store, "step", step)
    handle = await once().enqueue()
    async with q.worker() as worker:
        await handle.result(timeout=5)
        assert runs == [1]
        assert (await worker.health())["ok"]


async def test_health_is_steady_while_ends_of_jobs_cannot_be_stored(
    q: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    full, beats, step, heartbeat = True, 0, q.store.step, q.store.heartbeat

    async def failing(*args: object) -> object:
        if args[1] and full:
            raise StoreError("the disk is full")
        return await step(*args)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]

    async def counted(*args: object) -> None:
        nonlocal beats
        await heartbeat(*args)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        beats += 1

    monkeypatch.setattr(q.store, "step", failing)
    monkeypatch.setattr(q.store, "heartbeat", counted)

    @q.job
    async def one() -> None: ...

    async with q.worker(lease="300ms") as worker, asyncio.timeout(20):
        handle = await one().enqueue()
        while (await worker.health())["ok"]:
            await asyncio.sleep(0.001)
        goal = beats + 4
        while beats < goal:
            assert (await worker.health())["detail"] == {"worker": "the disk is full"}
            await asyncio.sleep(0.001)
        full = False
        await handle.result()
        while not (await worker.health())["ok"]:
            await asyncio.sleep(0.001)


async def test_a_bug_that_stops_the_worker_is_raised_later(
    q: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def step(*_: object) -> object:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(q.store, "step", step)

    @q.job
    async def one() -> None: ...

    worker = await q.worker().start()
    await one().enqueue()
    async with asyncio.timeout(5):
        while worker.state != "failed":
            await asyncio.sleep(0.001)
    assert (await worker.health())["ok"] is False
    with pytest.raises(QueueError, match="had stopped"):
        await worker.aclose()


async def test_jobs_run_at_once_up_to_the_concurrency(q: Queue) -> None:
    running = most = 0

    @q.job
    async def overlap() -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.01)
        running -= 1

    handles = await q.enqueue_many([overlap() for _ in range(20)])
    async with q.worker(concurrency=4) as worker:
        await asyncio.gather(*(handle.result(timeout=5) for handle in handles))
        assert worker.stats()["concurrency"] == 4
    assert most == 4


async def test_a_flood_of_an_unknown_kind_does_not_hide_known_jobs(sqlite_q: Queue) -> None:
    q = sqlite_q

    @q.job
    async def flood() -> None: ...

    @q.job
    async def mine() -> int:
        return 1

    await q.enqueue_many([flood() for _ in range(20_000)], priority=5)
    del q.jobs["flood"]
    async with q.worker():
        assert await (await mine().enqueue()).result(timeout=2) == 1


async def test_two_workers_share_the_work(sqlite_q: Queue) -> None:
    seen: list[int] = []

    @sqlite_q.job(retry=Retry(max=1))
    async def note(n: int) -> None:
        await asyncio.sleep(0)
        seen.append(n)

    handles = await sqlite_q.enqueue_many([note(n) for n in range(2000)])
    async with sqlite_q.worker(), sqlite_q.worker():
        while (await sqlite_q.counts())["done"] < len(handles):
            await asyncio.sleep(0.01)
    assert sorted(seen) == list(range(2000))


@pytest.mark.parametrize(
    "options", [{"concurrency": 0}, {"queues": "mail"}, {"lease": 0}, {"grace": "soon"}]
)
def test_options_that_make_no_sense_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"."):
        Queue().worker(**options)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
