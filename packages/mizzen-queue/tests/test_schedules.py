"""Schedules: how they are defined, what they tell, and that workers fire them."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest

from mizzen.queue import BadSchedule, Queue, QueueError, current_job
from mizzen.queue._ticker import Ticker
from mizzen.queue.stores.memory import MemoryStore
from mizzen.queue.stores.sqlite import SqliteStore
from mizzen.queue.testing import FrozenClock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


async def report(day: str = "today") -> str:
    return day


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock(NOON)


@pytest.fixture(params=["memory", "sqlite"])
async def q(
    request: pytest.FixtureRequest, tmp_path: Path, clock: FrozenClock
) -> AsyncIterator[Queue]:
    in_memory = request.param == "memory"
    store = MemoryStore(clock) if in_memory else SqliteStore(f"sqlite:///{tmp_path}/app.db", clock)
    async with Queue(store) as queue:
        yield queue


@pytest.fixture
def ticker(q: Queue) -> Ticker:
    return Ticker(q)


async def test_a_new_schedule_has_missed_nothing(
    q: Queue, ticker: Ticker, clock: FrozenClock
) -> None:
    daily = q.job(report)
    q.schedule("a", daily(), "0 11 * * *", misfire=None, missed="all")
    await ticker.tick()
    assert await q.list() == []
    clock.advance("23h")
    await ticker.tick()
    assert len(await q.list()) == 1


async def test_other_times_count_from_when_they_were_changed(
    q: Queue, ticker: Ticker, clock: FrozenClock
) -> None:
    daily = q.job(report)
    q.schedule("a", daily(), "0 11 * * *")
    await ticker.tick()
    clock.advance("30m")
    q.schedule("a", daily(), "15 * * * *")  # came a quarter of an hour ago
    await Ticker(q).tick()
    assert await q.list() == []
    clock.advance("45m")
    q.schedule("a", daily(), "15 * * * *")  # the same, in a program that starts now
    await Ticker(q).tick()
    assert len(await q.list()) == 1


async def test_defined_again_while_it_runs_it_goes_by_the_new_times(
    q: Queue, ticker: Ticker, clock: FrozenClock
) -> None:
    daily = q.job(report)
    q.schedule("a", daily(), "15 * * * *")
    await ticker.tick()
    q.schedule("a", daily(), "45 * * * *")
    for _ in range(3):
        clock.advance("15m")
        await ticker.tick()
    (job,) = await q.list()
    assert job.created_at == NOON.timestamp() + 45 * 60


async def test_a_dashboard_sees_the_last_and_the_next_fire(
    q: Queue, ticker: Ticker, clock: FrozenClock
) -> None:
    daily = q.job(report)
    paris = ZoneInfo("Europe/Paris")
    q.schedule("a", daily("x"), "0 15 * * *", tz="Europe/Paris")
    q.schedule("b", daily(), every="90m")
    a, b = await q.schedules()
    assert (a.name, a.when, a.tz, a.kind, a.args) == (
        "a",
        "0 15 * * *",
        "Europe/Paris",
        "report",
        '{"day":"x"}',
    )
    assert (b.when, b.tz, b.last_fire, b.last_job) == ("every 90m", None, None, None)
    assert a.next_fire == datetime(2026, 5, 1, 15, tzinfo=paris)
    assert str(a.next_fire) == "2026-05-01 15:00:00+02:00"
    await ticker.tick()
    clock.advance("1h")
    await ticker.tick()
    a, _ = await q.schedules()
    assert a.last_fire == datetime(2026, 5, 1, 15, tzinfo=paris)
    assert a.last_job == 1
    assert a.next_fire == datetime(2026, 5, 2, 15, tzinfo=paris)
    assert [at.day for at in q.timetable["a"].upcoming(3)] == [2, 3, 4]


async def test_a_unique_job_that_still_waits_is_not_made_again(
    q: Queue, ticker: Ticker, clock: FrozenClock
) -> None:
    @q.job(unique=True)
    async def slow() -> None: ...

    q.schedule("a", slow(), every="1m")
    await ticker.tick()
    for _ in range(3):
        clock.advance(60)
        await ticker.tick()
    assert (await q.counts())["queued"] == 1
    assert q.stats()["enqueued_total"] == 1


async def test_a_job_whose_key_can_t_be_made_holds_up_no_other(
    q: Queue, ticker: Ticker, clock: FrozenClock, caplog: pytest.LogCaptureFixture
) -> None:
    @q.job(unique="{nothing}")
    async def broken() -> None: ...

    daily = q.job(report)
    q.schedule("broken", broken(), every="1m")
    q.schedule("fine", daily(), every="1m")
    await ticker.tick()
    clock.advance(60)
    await ticker.tick()
    assert [job.kind for job in await q.list()] == ["report"]
    assert "can't be enqueued" in caplog.text


async def test_workers_fire_by_themselves_and_agree(url: str) -> None:
    async with Queue(url) as q:
        ran: list[float] = []
        enough = asyncio.Event()

        @q.cron(every="1s")
        @q.job
        async def tick() -> None:
            ran.append(current_job().created_at.timestamp())
            if len(ran) == 3:
                enough.set()

        start = time.time()
        async with q.worker(), q.worker():
            async with asyncio.timeout(15):
                await enough.wait()
        took = time.time() - start
        assert ran == sorted(set(ran))
        assert all(at == round(at) for at in ran)
        assert len(ran) <= took + 1


async def test_a_schedule_may_be_defined_while_workers_run(url: str) -> None:
    async with Queue(url) as q, q.worker():
        seen = asyncio.Event()

        @q.cron(every="1s")
        @q.job
        def late() -> None:
            loop.call_soon_threadsafe(seen.set)

        loop = asyncio.get_running_loop()
        async with asyncio.timeout(15):
            await seen.wait()


def test_the_decorator_takes_the_name_of_its_job() -> None:
    q = Queue()

    @q.cron("0 3 * * *", tz="Europe/Paris", misfire="1h")
    @q.cron("@weekly", name="weekly")
    @q.job
    async def report() -> None: ...

    assert report.name == "report"
    assert list(q.timetable) == ["weekly", "report"]
    assert repr(q.timetable["report"]) == (
        "<mizzen.queue.Schedule 'report': report 0 3 * * * Europe/Paris>"
    )


def test_wrong_definitions_are_refused() -> None:
    q, other = Queue(), Queue()

    @q.job
    async def plain() -> None: ...

    @q.job
    async def wants(day: str) -> None: ...

    with pytest.raises(BadSchedule, match=r"q\.schedule\('name', wants\(…\), …\)"):
        q.cron("@daily")(wants)
    with pytest.raises(BadSchedule, match=r"above @q\.job"):
        q.cron("@daily")(len)  # type: ignore[type-var]  # pyright: ignore[reportArgumentType]
    with pytest.raises(BadSchedule, match="one of the two"):
        q.schedule("a", plain())
    with pytest.raises(BadSchedule, match="one of the two"):
        q.schedule("a", plain(), "@daily", every="1h")
    with pytest.raises(BadSchedule, match="'last' or 'all'"):
        q.schedule("a", plain(), "@daily", missed="none")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    with pytest.raises(BadSchedule, match="leaves no time"):
        q.schedule("a", plain(), "@daily", misfire=0)
    for name in ("", "two\nlines", "a\0b", "\ud800", "x" * 201):
        with pytest.raises(BadSchedule, match="is no name"):
            q.schedule(name, plain(), "@daily")
    with pytest.raises(QueueError, match="another queue"):
        other.schedule("a", plain(), "@daily")
    assert q.timetable == {}
    q.cron("@daily")(plain)
    with pytest.raises(BadSchedule, match="give this one a name="):
        q.cron("@hourly")(plain)


def test_a_store_without_schedules_says_so() -> None:
    class Bare:
        def clock(self) -> float:
            return 0.0

    q = Queue(Bare())  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]

    @q.job
    async def plain() -> None: ...

    with pytest.raises(QueueError, match="Bare keeps no schedules"):
        q.schedule("a", plain(), "@daily")
