"""`q.testing()`: jobs run in the caller's task, and time stands still."""

from __future__ import annotations

import asyncio
import contextvars
import sqlite3
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from mizzen.queue import (
    BadResult,
    GiveUp,
    JobFailed,
    Queue,
    QueueError,
    ResultTimeout,
    Retry,
    current_job,
)
from mizzen.queue.testing import FrozenClock, assert_enqueued

if TYPE_CHECKING:
    from pathlib import Path

where = contextvars.ContextVar("where", default="elsewhere")


async def test_inline_a_job_runs_where_it_is_enqueued(q: Queue) -> None:
    seen: list[object] = []

    @q.job
    async def look() -> str:
        seen.append(asyncio.current_task())
        return where.get()

    @q.job
    def plain() -> str:
        return where.get()

    where.set("here")
    with q.testing("inline"):
        assert await (await look().enqueue()).result() == "here"
        assert await (await plain().enqueue(delay="1d")).result() == "here"
    assert seen == [asyncio.current_task()]


async def test_inline_jobs_enqueue_others(q: Queue) -> None:
    told: list[str] = []

    @q.job(concurrency=1, rate="1/h")
    async def countdown(n: int) -> int:
        told.append(f"start {n}")
        below = await (await countdown(n - 1).enqueue()).result() if n else 0
        told.append(f"end {n}")
        return below + n

    with q.testing("inline"):
        assert await (await countdown(2).enqueue()).result() == 3
    assert told == ["start 2", "start 1", "start 0", "end 0", "end 1", "end 2"]
    assert q.stats()["succeeded_total"] == 3


async def test_inline_an_error_is_raised_at_its_first_attempt(q: Queue) -> None:
    @q.job
    async def broken() -> None:
        raise ZeroDivisionError(current_job().attempt)

    with q.testing("inline"):
        with pytest.raises(ZeroDivisionError, match="1"):
            await broken().enqueue()
        counts = await q.counts()
    assert (counts["scheduled"], counts["running"]) == (1, 0)


async def test_inline_errors_that_are_kept_are_told_after_all_attempts(q: Queue) -> None:
    @q.job(retry=Retry(max=3, base="1d"))
    def flaky(good: int) -> int:
        if (attempt := current_job().attempt) < good:
            raise ZeroDivisionError(attempt)
        return attempt

    with q.testing("inline", errors="keep"):
        assert await (await flaky(3).enqueue()).result() == 3
        with pytest.raises(JobFailed, match="after 3 attempts: ZeroDivisionError: 3"):
            await (await flaky(4).enqueue()).result()


async def test_drain_runs_what_is_due_in_order_until_nothing_is_left(q: Queue) -> None:
    @q.job
    async def split(n: int) -> int:
        if n > 1:
            await q.enqueue_many([split(n // 2), split(n - n // 2)])
        return n

    with q.testing() as test:
        before = test.clock()
        await split(1).enqueue(delay="1h")
        await split(3).enqueue()
        first = await split(5).enqueue(priority=1)
        ran = await q.drain()
        assert [one.result for one in ran] == [5, 3, 2, 3, 1, 2, 1, 1, 1, 2, 1, 1, 1, 1]
        assert (ran[0].id, ran[0].kind, ran[0].outcome) == (first.id, "split", "done")
        assert await q.drain() == []
        test.clock.advance("59m")
        assert await q.drain() == []
        test.clock.advance("1m")
        assert [one.result for one in await q.drain()] == [1]
        assert test.clock() == before + 3600
        record = await first.record()
        assert (record.started_at, record.finished_at) == (before, before)


async def test_drain_raises_the_first_failure_and_the_attempts_go_on(q: Queue) -> None:
    @q.job(retry=Retry(max=2, base="10m", jitter=0))
    async def broken() -> None:
        raise ZeroDivisionError("no")

    @q.job
    async def fine() -> None: ...

    with q.testing() as test:
        await broken().enqueue()
        behind = await fine().enqueue()
        with pytest.raises(ZeroDivisionError, match="no"):
            await q.drain()
        assert await behind.status() == "queued"
        assert [one.kind for one in await q.drain()] == ["fine"]
        test.clock.advance("10m")
        (last,) = await q.drain(errors="keep")
    assert (last.attempt, last.outcome, last.error) == (2, "dead", "ZeroDivisionError: no")
    assert q.stats()["failed_total"] == 2


async def test_drain_keeps_to_limits_and_pauses(q: Queue) -> None:
    @q.job(rate="2/m", queue="mail")
    async def send(n: int) -> int:
        return n

    @q.job(queue="paused")
    async def other() -> None: ...

    with q.testing() as test:
        await q.pause("paused")
        await other().enqueue()
        await q.enqueue_many([send(n) for n in range(3)])
        assert [one.result for one in await q.drain()] == [0, 1]
        test.clock.advance("61s")
        assert [one.result for one in await q.drain()] == [2]
        assert (await q.counts())["queued"] == 1


async def test_what_a_job_does_to_its_runner_stays_there(q: Queue) -> None:
    @q.job(timeout="20ms", retry=Retry(max=1))
    async def slow() -> None:
        await asyncio.sleep(60)

    @q.job(retry=Retry(max=1))
    async def cancels_itself() -> None:
        raise asyncio.CancelledError

    @q.job
    async def hopeless() -> None:
        raise GiveUp("never")

    @q.job
    async def shy() -> object:
        current_job().progress(1, 2)
        return object()

    with q.testing():
        await slow().enqueue()
        with pytest.raises(JobFailed, match="Timeout: the attempt took longer"):
            await q.drain()
        await cancels_itself().enqueue()
        with pytest.raises(JobFailed, match="CancelledError"):
            await q.drain()
        await hopeless().enqueue()
        with pytest.raises(GiveUp):
            await q.drain()
        handle = await shy().enqueue()
        (ran,) = await q.drain()
        assert ran.outcome == "done"
        assert "can't be kept" in (ran.error or "")
        with pytest.raises(BadResult):
            await handle.result()
        told = await handle.progress()
        assert told is not None
        assert told.fraction == 0.5
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0


async def test_a_cancellation_of_the_caller_is_the_callers(q: Queue) -> None:
    @q.job
    async def endless() -> None:
        await asyncio.sleep(60)

    with q.testing():
        handle = await endless().enqueue()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await q.drain()
        assert await handle.status() == "queued"
        assert (await handle.record()).attempt == 0


async def test_a_result_that_nobody_works_on_is_not_waited_for(q: Queue) -> None:
    @q.job
    async def one() -> int:
        return 1

    with q.testing():
        handle = await one().enqueue()
        with pytest.raises(ResultTimeout, match=r"`await q.drain\(\)` runs it in a test"):
            await handle.result()
        waiting = asyncio.create_task(handle.result())
        await asyncio.sleep(0)
        await q.drain()
        assert await waiting == 1


async def test_jobs_that_never_end_are_noticed(q: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mizzen.queue._drain._MOST_IN_A_TEST", 5)

    @q.job
    async def again() -> None:
        await again().enqueue()

    with q.testing():
        await again().enqueue()
        with pytest.raises(QueueError, match="5 jobs ran, and there are more"):
            await q.drain()


async def test_a_job_within_a_transaction_waits_for_it(sqlite_q: Queue, tmp_path: Path) -> None:
    @sqlite_q.job
    async def one() -> int:
        return 1

    with sqlite_q.testing("inline"), sqlite3.connect(tmp_path / "app.db") as tx:
        handle = await one().enqueue(tx=tx)
        tx.commit()
        assert await handle.status() == "queued"
        await sqlite_q.drain()
        assert await handle.result() == 1
    tx.close()


async def test_in_memory_the_database_is_left_alone(tmp_path: Path) -> None:
    q = Queue(f"sqlite:///{tmp_path}/app.db")

    @q.job
    async def one() -> int:
        return 1

    with q.testing("inline", memory=True) as test:
        assert await (await one().enqueue()).result() == 1
        async with q:  # as an application does when it starts
            await one().enqueue()
            with q.testing("drain") as inner:
                assert inner.clock is test.clock
                await one().enqueue()
                assert len(await q.drain()) == 1
    assert not await asyncio.to_thread((tmp_path / "app.db").exists)
    with pytest.raises(QueueError, match="isn't started"):
        await one().enqueue()


async def test_afterwards_all_is_as_it_was(q: Queue) -> None:
    @q.job
    async def one() -> None: ...

    with q.testing() as test:
        test.clock.advance("3d")
        assert "drain at 2" in repr(test)
    assert abs(q.store.clock() - datetime.now(UTC).timestamp()) < 60
    handle = await one().enqueue()
    assert await handle.status() == "queued"
    assert q.rehearsal is None


@pytest.mark.parametrize("at", [datetime(2026, 2, 3, tzinfo=UTC), 1770076800])
def test_a_frozen_clock_starts_where_it_is_told(at: datetime | float) -> None:
    clock = FrozenClock(at)
    clock.advance("1h")
    assert clock.now() == datetime(2026, 2, 3, 1, tzinfo=UTC)


def test_misspelled_modes_are_explained() -> None:
    with pytest.raises(ValueError, match='write "inline" or "drain"'):
        Queue().testing("fake")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    with pytest.raises(ValueError, match='write "raise" or "keep"'):
        Queue().testing(errors="no")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


async def test_schedules_fire_when_the_clock_has_passed_their_times(q: Queue) -> None:
    @q.job
    async def report(kind: str) -> tuple[str, datetime]:
        return kind, current_job().created_at

    noon = datetime(2026, 5, 1, 12, tzinfo=UTC)
    q.schedule("nightly", report("nightly"), "0 3 * * *")
    q.schedule("often", report("often"), every="10h")
    with q.testing(clock=FrozenClock(noon)) as test:
        test.clock.advance("1d")
        ran = await q.drain()
        assert [one.result[0] for one in ran].count("nightly") == 1
        assert [one.result[0] for one in ran].count("often") in (2, 3)
        assert ("nightly", datetime(2026, 5, 2, 3, tzinfo=UTC)) in [one.result for one in ran]
        await assert_enqueued(q, report, args={"kind": "nightly"}, count=1)
        assert await q.drain() == []
        assert test.clock.now() == noon + timedelta(days=1)


@pytest.mark.parametrize("server", ["postgres_url", "mariadb_url"])
async def test_on_a_server_its_time_stands_still_too(
    server: str, request: pytest.FixtureRequest
) -> None:
    async with Queue(request.getfixturevalue(server)) as q:

        @q.job(retry=Retry(max=2, base="1h", jitter=0))
        async def flaky() -> int:
            if current_job().attempt == 1:
                raise ZeroDivisionError
            return 1

        with q.testing(errors="keep") as test:
            handle = await flaky().enqueue(delay="1d")
            assert await q.drain() == []
            test.clock.advance("1d")
            assert [one.outcome for one in await q.drain()] == ["retry"]
            test.clock.advance("1h")
            assert [one.outcome for one in await q.drain()] == ["done"]
            assert (await handle.record()).finished_at == pytest.approx(test.clock())
        with q.testing("inline"), pytest.raises(ZeroDivisionError):
            await flaky().enqueue()
