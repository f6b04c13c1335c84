"""Jobs by the clock: any number of nodes fires each time once, whatever the clock does."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from mizzen.queue import Queue, QueueError, Schedule, StoreError, current_job
from mizzen.queue._ticker import Ticker
from mizzen.queue.abc import NewJob
from mizzen.queue.stores.memory import MemoryStore
from mizzen.queue.stores.sqlite import SqliteStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from mizzen.queue.abc import Store

    MakeStore = Callable[[], Store]

NOON = datetime(2026, 5, 1, 12, 0, 30, tzinfo=UTC).timestamp()


class Still:
    """A clock that stands where it was put."""

    def __init__(self) -> None:
        self.at = NOON

    def __call__(self) -> float:
        return self.at

    def set(self, text: str) -> None:
        self.at = datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


@pytest.fixture
def clock() -> Still:
    return Still()


@pytest.fixture(
    params=[
        "memory",
        "sqlite",
        pytest.param("postgres", marks=pytest.mark.extra("psycopg")),
        pytest.param("mariadb", marks=pytest.mark.extra("asyncmy")),
    ]
)
def make_store(request: pytest.FixtureRequest, tmp_path: Path, clock: Still) -> MakeStore:
    """One more node's store, of the same jobs."""
    if request.param == "postgres":
        from mizzen.queue.stores.postgres import PostgresStore

        url = str(request.getfixturevalue("postgres_url"))
        return lambda: on_time(PostgresStore(url, clock), clock)
    if request.param == "mariadb":
        from mizzen.queue.stores.mariadb import MariaDBStore

        address = str(request.getfixturevalue("mariadb_url"))
        return lambda: on_time(MariaDBStore(address, clock), clock)
    if request.param == "sqlite":
        return lambda: SqliteStore(f"sqlite:///{tmp_path}/app.db", clock)
    shared = MemoryStore(clock)
    return lambda: shared


def on_time(store: Store, clock: Still) -> Store:
    """The same, without the server's clock."""
    store.clock = clock  # type: ignore[method-assign]  # pyright: ignore[reportAttributeAccessIssue]
    return store


class Node:
    """A program with schedules, and one worker's ticker."""

    def __init__(self, store: Store) -> None:
        self.q = Queue(store)
        self.ticker = Ticker(self.q)

        @self.q.job
        async def report(day: str = "today") -> str:
            return f"{current_job().created_at:%H:%M}"

        self.report = report


@pytest.fixture
async def node(make_store: MakeStore) -> AsyncIterator[Callable[[], Node]]:
    """Make nodes, whose queues are started with the first tick."""
    nodes: list[Node] = []

    def make() -> Node:
        nodes.append(Node(make_store()))
        return nodes[-1]

    yield make
    for one in nodes:
        await one.q.aclose()


async def created(q: Queue) -> list[str]:
    """The times of the jobs that wait, in their order."""
    total, times = sum((await q.counts()).values()), list[str]()
    for id in range(1, 2 * total + 9):  # what was rolled back leaves gaps
        if (record := await q.store.find(id)) is not None:
            times.append(f"{datetime.fromtimestamp(record.created_at, UTC):%m-%d %H:%M}")
    assert len(times) == total
    return times


async def test_two_nodes_and_a_thousand_ticks_make_a_thousand_jobs(
    node: Callable[[], Node], clock: Still
) -> None:
    one, two = node(), node()
    for each in (one, two):
        await each.q.start()
        each.q.schedule("minutely", each.report(), "* * * * *")
    await asyncio.gather(one.ticker.tick(), two.ticker.tick())
    assert await one.q.counts() == await two.q.counts()
    for n in range(1000):
        clock.at += 60
        assert set(await asyncio.gather(one.ticker.tick(), two.ticker.tick())) == {1.0}
        if n % 100 == 0:
            assert (await two.q.counts())["queued"] == n + 1
    times = await created(one.q)
    assert len(times) == len(set(times)) == 1000
    assert (times[0], times[-1]) == ("05-01 12:01", "05-02 04:40")
    assert one.q.stats()["enqueued_total"] + two.q.stats()["enqueued_total"] == 1000


@pytest.mark.parametrize(
    ("missed", "misfire", "expected"),
    [
        ("last", "1h", ["15:00"]),
        ("last", "5m", []),
        ("last", None, ["15:00"]),
        ("all", "1h", ["14:30", "15:00"]),
        ("all", None, ["12:30", "13:00", "13:30", "14:00", "14:30", "15:00"]),
    ],
)
async def test_three_hours_of_downtime_are_made_up_for_as_wished(
    node: Callable[[], Node], clock: Still, missed: str, misfire: str | None, expected: list[str]
) -> None:
    before = node()
    await before.q.start()
    before.q.schedule("a", before.report(), "*/30 * * * *")
    await before.ticker.tick()
    clock.set("2026-05-01T15:10")  # nobody ticked since 12:00
    after, beside = node(), node()
    for each in (after, beside):
        await each.q.start()
        each.q.schedule("a", each.report(), "*/30 * * * *", misfire=misfire, missed=missed)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await asyncio.gather(after.ticker.tick(), beside.ticker.tick())
    assert await created(after.q) == [f"05-01 {at}" for at in expected]
    clock.set("2026-05-01T15:30")
    await asyncio.gather(after.ticker.tick(), beside.ticker.tick())
    assert await created(after.q) == [f"05-01 {at}" for at in [*expected, "15:30"]]


async def test_a_clock_that_steps_back_fires_nothing_twice(
    node: Callable[[], Node], clock: Still
) -> None:
    one = node()
    await one.q.start()
    one.q.schedule("a", one.report(), "*/10 * * * *")
    await one.ticker.tick()
    for minute in ("10", "20", "30"):
        clock.set(f"2026-05-01T12:{minute}")
        await one.ticker.tick()
    clock.set("2026-05-01T11:59:59")  # for this node, and one that starts now
    two = node()
    await two.q.start()
    two.q.schedule("a", two.report(), "*/10 * * * *")
    await asyncio.gather(one.ticker.tick(), two.ticker.tick())
    for passed in range(40):
        clock.set(f"2026-05-01T12:{passed:02}")
        await asyncio.gather(one.ticker.tick(), two.ticker.tick())
    assert await created(one.q) == ["05-01 12:10", "05-01 12:20", "05-01 12:30", "05-01 12:00"]


async def test_a_clock_that_was_years_ahead_stops_nothing(
    node: Callable[[], Node], clock: Still
) -> None:
    one = node()
    await one.q.start()
    clock.set("2038-01-01T00:00:30")
    one.q.schedule("a", one.report(), "*/10 * * * *")
    await one.ticker.tick()
    clock.set("2038-01-01T00:10")
    await one.ticker.tick()
    clock.at = NOON
    two = node()
    await two.q.start()
    two.q.schedule("a", two.report(), "*/10 * * * *")
    await asyncio.gather(one.ticker.tick(), two.ticker.tick())
    clock.set("2026-05-01T12:10")
    await asyncio.gather(one.ticker.tick(), two.ticker.tick())
    assert await created(one.q) == ["01-01 00:10", "05-01 12:10"]


async def test_summer_time_comes_and_goes(node: Callable[[], Node], clock: Still) -> None:
    one, two = node(), node()
    for each in (one, two):
        await each.q.start()
        each.q.schedule("nightly", each.report(), "30 2 * * *", tz="Europe/Paris")
        each.q.schedule("hourly", each.report(), "@hourly", tz="Europe/Paris")
    clock.set("2026-03-28T22:30")
    for _ in range(24 * 4):
        await asyncio.gather(one.ticker.tick(), two.ticker.tick())
        clock.at += 900
    forward = await created(one.q)
    assert forward.count("03-29 01:00") == 2  # the hour and what was missing before it
    assert len(forward) == 25
    clock.set("2026-10-24T20:30")
    await asyncio.gather(one.ticker.tick(), two.ticker.tick())
    seen = len(await created(one.q))
    for _ in range(24 * 4):
        clock.at += 900
        await asyncio.gather(one.ticker.tick(), two.ticker.tick())
    back = (await created(one.q))[seen:]
    assert [at for at in back if at.endswith("30")] == ["10-25 00:30"]  # the first 2:30
    assert len(back) == 25


async def test_a_schedule_removed_from_the_code_stops(
    node: Callable[[], Node], clock: Still
) -> None:
    old = node()
    await old.q.start()
    old.q.schedule("gone", old.report(), every="1h")
    old.q.schedule("kept", old.report(), every="1h")
    await old.ticker.tick()
    new = node()
    await new.q.start()
    new.q.schedule("kept", new.report(), every="1h")
    await new.ticker.tick()
    clock.set("2026-05-01T13:00")
    await new.ticker.tick()
    assert len(await created(new.q)) == 1
    assert [one.name for one in await new.q.schedules()] == ["kept"]


async def test_one_is_paused_and_resumed(node: Callable[[], Node], clock: Still) -> None:
    one, two = node(), node()
    plans: list[Schedule] = []
    for each in (one, two):
        await each.q.start()
        plans.append(each.q.schedule("a", each.report(), "*/10 * * * *", missed="all"))
    await two.ticker.tick()
    await plans[0].pause()
    for at in ("12:10", "12:20"):
        clock.set(f"2026-05-01T{at}")
        await asyncio.gather(one.ticker.tick(), two.ticker.tick())
    (info,) = await two.q.schedules()
    assert info.paused
    assert info.next_fire is None
    clock.set("2026-05-01T12:25")
    await two.q.resume_schedule("a")
    late = node()
    await late.q.start()
    late.q.schedule("a", late.report(), "*/10 * * * *", missed="all")
    clock.set("2026-05-01T12:30")
    await asyncio.gather(one.ticker.tick(), two.ticker.tick(), late.ticker.tick())
    assert await created(one.q) == ["05-01 12:30"]
    with pytest.raises(QueueError, match="there is no schedule 'b'; there are: a"):
        await one.q.pause_schedule("b")


async def test_a_time_that_the_store_refuses_is_fired_later_and_holds_up_no_other(
    node: Callable[[], Node], clock: Still, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = node()
    await one.q.start()
    broken = one.q.schedule("broken", one.report("x"), "*/10 * * * *")
    one.q.schedule("fine", one.report("y"), "*/10 * * * *")
    await one.ticker.tick()
    clock.set("2026-05-01T12:10")
    with monkeypatch.context() as patch:
        in_memory = isinstance(one.q.store, MemoryStore)  # which takes anything
        patch.setattr(broken, "job", refuse if in_memory else without_arguments)
        with pytest.raises(StoreError):
            await one.ticker.tick()
    assert await created(one.q) == ["05-01 12:10"]
    clock.at += 2
    await one.ticker.tick()
    assert await created(one.q) == ["05-01 12:10"] * 2


def without_arguments(at: float) -> NewJob:
    nothing: Any = None
    return NewJob("k", "q", 0, nothing, 1, 0.0, at)


def refuse(at: float) -> NewJob:
    raise StoreError("not now")
