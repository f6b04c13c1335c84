"""The public API as users write it; type-checked, never run."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, assert_type

from mizzen.queue import (
    Call,
    Completion,
    CurrentJob,
    Event,
    Handle,
    JobFunction,
    Minute,
    Queue,
    Ran,
    Rehearsal,
    Retry,
    Schedule,
    ScheduleInfo,
    Tally,
    Worker,
    WorkerRecord,
    current_job,
    trace_jobs,
)
from mizzen.queue.abc import Record
from mizzen.queue.dashboard import Dashboard, dashboard
from mizzen.queue.notebook import View

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from sqlalchemy.ext.asyncio import AsyncSession

q = Queue("sqlite:///app.db", history=timedelta(days=1), history_rows=1000)


@q.job
async def bare(to: str, copies: int = 1) -> int:
    assert_type(current_job(), CurrentJob)
    return copies


@q.job(queue="mail", retry=Retry(max=5, base="1s"), timeout="10m", priority=3)
async def configured(to: str) -> list[str]:
    return [to]


async def receipt(n: int) -> bytes:
    return bytes(n)


async def by_cursor(after: int | None) -> AsyncIterator[tuple[int, str]]:
    yield after or 0, "x"


@q.job
async def in_steps() -> None:
    job = current_job()
    assert_type(await job.step("one", receipt, 3), bytes)
    assert_type(await job.step("two", str.upper, "x"), str)
    async for item in job.iterate([1, 2], name="numbers", every="1s"):
        assert_type(item, int)
    async for text in job.iterate(by_cursor, total=10):
        assert_type(text, str)
    async with job.transaction(object()) as done:
        assert_type(done, Completion)
        done.result = [1]
    await job.step("wrong", receipt, "3")  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue, reportArgumentType]


@q.job
def in_steps_of_a_thread() -> None:
    job = current_job()
    assert_type(job.step_sync("one", receipt, 3), bytes)
    assert_type(job.step_sync("two", str.upper, "x"), str)
    assert_type(list(job.iterate({"a": 1})), list[str])


@q.job(run="process", timeout="1h")
def heavy(path: str) -> bytes:
    return path.encode()


@q.job(name="plain")
def plain(n: int) -> float:
    return n / 2


@q.cron("0 3 * * *", tz="Europe/Paris", misfire="1h")
@q.cron(every=timedelta(minutes=5), name="often", missed="all")
@q.job(name="nightly")
async def nightly() -> int:
    return 1


async def by_the_clock() -> None:
    assert_type(await nightly.run(), int)
    weekly = q.schedule("weekly", configured("x"), "@weekly", misfire=None)
    assert_type(weekly, Schedule)
    assert_type(weekly.upcoming(2), list[datetime])
    assert_type(await q.schedules(), list[ScheduleInfo])
    assert_type((await q.schedules())[0].next_fire, datetime | None)
    await weekly.pause()
    await q.resume_schedule("weekly")
    q.cron("@daily")(print)  # type: ignore[type-var]  # pyright: ignore[reportArgumentType]


async def use(session: AsyncSession) -> None:
    assert_type(bare, JobFunction[[str, int], int])  # type: ignore[assert-type]  # pyright: ignore[reportAssertTypeFailure]
    call = bare("a@b", copies=2)
    assert_type(call, Call[int])
    handle = await call.enqueue(delay="10s", tx=session, priority=1, queue="slow")
    assert_type(handle, Handle[int])
    assert_type(await handle.result(timeout=5), int)
    assert_type(await (await configured("x").enqueue()).result(), list[str])
    assert_type(await plain.run(3), float)
    assert_type(await q.enqueue_many([plain(n) for n in range(3)], tx=session), list[Handle[float]])
    assert_type(await q.counts(kind="plain"), dict[str, int])
    assert_type(await handle.cancel(), bool)
    assert_type(await q.retry(handle.id), bool)
    assert_type(await q.list(status="dead", before=7), list[Record])
    assert_type(await q.tally(), list[Tally])
    assert_type(await q.throughput(), list[Minute])
    assert_type(await q.workers_alive(), list[WorkerRecord])
    assert_type(await q.retry_all(kind="plain"), int)
    assert_type(await q.prometheus(), str)
    trace_jobs(q)()
    assert_type(dashboard(q, auth=("ops", "pw")), Dashboard)
    assert_type(handle.id, int)
    assert_type(await handle.follow(), int)
    assert_type(await q.follow([handle]), list[int])
    assert_type(handle.view(), View)
    assert_type(q.view(), View)

    async with q, q.worker(concurrency=4, queues=["mail"], grace="4s") as worker:
        assert_type(worker, Worker)
        assert_type(worker.stats(), dict[str, float])
        assert_type(await (await heavy("x").enqueue()).result(), bytes)
        worker.release()
        await worker.wait()

    def seen(event: Event) -> None:
        print(event.job.id, event.error)

    async def seen_later(event: Event) -> None:
        print(event.seconds)

    remove = q.on("succeeded", seen)
    q.on("dead", seen_later)
    remove()

    with q.testing("inline", errors="keep", memory=True) as rehearsal:
        assert_type(rehearsal, Rehearsal)
        rehearsal.clock.advance(timedelta(hours=1))
        assert_type(await q.drain(errors="raise"), list[Ran])

    bare(1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    plain("x")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
