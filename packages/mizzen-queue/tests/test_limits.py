"""Unique jobs, and limits on how many run, how many start, and whose turn it is."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from mizzen.queue import BadArguments, BadJob, Limit, Queue, Rate, Unique

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path


@pytest.fixture(
    params=["memory", "sqlite", pytest.param("postgres", marks=pytest.mark.extra("psycopg"))]
)
def anywhere(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "postgres":
        return str(request.getfixturevalue("postgres_url"))
    return "memory:" if request.param == "memory" else f"sqlite:///{tmp_path}/app.db"


@pytest.fixture
async def q(anywhere: str) -> AsyncIterator[Queue]:
    async with Queue(anywhere) as queue:
        yield queue


async def test_fifty_enqueues_of_a_unique_job_make_one(q: Queue) -> None:
    @q.job(unique="user:{user}")
    async def welcome(user: int, text: str = "hi") -> int:
        return user

    handles = await asyncio.gather(*(welcome(7, f"{n}").enqueue() for n in range(50)))
    assert len({handle.id for handle in handles}) == 1
    assert sum(handle.is_new for handle in handles) == 1
    assert (await welcome(8).enqueue()).is_new
    assert q.stats()["enqueued_total"] == 2
    many = await q.enqueue_many([welcome(9), welcome(8), welcome(9, "again")])
    assert many[0].id == many[2].id
    async with q.worker():
        assert await handles[0].result(timeout=5) == 7
        assert await many[0].result(timeout=5) == 9
    assert (await welcome(7).enqueue()).is_new


async def test_all_arguments_count_unless_a_key_says_which(q: Queue) -> None:
    @q.job(unique=True)
    async def plain(a: int, b: int = 1) -> None: ...

    def is_even(a: int, b: int) -> bool:
        return a % 2 == 0

    @q.job(unique=Unique(key=is_even))
    async def by_function(a: int, b: int = 1) -> None: ...

    assert (await plain(1).enqueue()).is_new
    assert (await plain(1, 2).enqueue()).is_new
    assert not (await plain(a=1).enqueue()).is_new
    assert (await by_function(1).enqueue()).is_new
    assert not (await by_function(3, 5).enqueue()).is_new
    assert (await by_function(4).enqueue()).is_new


async def test_a_limit_holds_for_all_workers_together(q: Queue) -> None:
    running: Counter[int] = Counter()
    most: Counter[int] = Counter()

    @q.job(concurrency=Limit(2, key="account:{account}"))
    async def bill(account: int) -> None:
        running[account] += 1
        most[account] = max(most[account], running[account])
        await asyncio.sleep(0.005)
        running[account] -= 1

    await q.enqueue_many([bill(n % 3) for n in range(60)])
    workers = [await q.worker(concurrency=4).start() for _ in range(3)]
    await drained(q)
    for worker in workers:
        await worker.aclose()
    assert set(most.values()) == {2}


async def test_a_limit_is_the_kinds_own_or_shared_by_name(q: Queue) -> None:
    running = most = 0

    async def work() -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.002)
        running -= 1

    @q.job(concurrency=Limit(1, key="printer"))
    async def draw() -> None:
        await work()

    @q.job(concurrency=Limit(1, key="printer"))
    async def write() -> None:
        await work()

    await q.enqueue_many([*(draw() for _ in range(8)), *(write() for _ in range(8))])
    async with q.worker(concurrency=8):
        await drained(q)
    assert most == 1


async def test_a_rate_is_never_exceeded(q: Queue) -> None:
    starts: list[float] = []

    @q.job(rate="5/200ms")
    async def call() -> None:
        starts.append(time.monotonic())

    await q.enqueue_many([call() for _ in range(14)])
    workers = [await q.worker().start() for _ in range(3)]
    await drained(q)
    for worker in workers:
        await worker.aclose()
    # Claims are counted, and a start comes a moment after its claim.
    for first, sixth in zip(starts, starts[5:], strict=False):
        assert sixth - first > 0.15
    assert starts[-1] - starts[0] < 5


async def test_tenants_take_turns(q: Queue) -> None:
    order: list[str] = []

    @q.job(fair="{tenant}")
    async def work(tenant: str) -> None:
        order.append(tenant)
        await asyncio.sleep(0.001)

    await q.enqueue_many([work("flood") for _ in range(1000)])
    handle = await work("quiet").enqueue()
    async with q.worker(concurrency=2):
        await handle.result(timeout=10)
        assert order.index("quiet") < 20
        await drained(q)
    assert len(order) == 1001


async def test_a_paused_queue_waits(q: Queue) -> None:
    @q.job(queue="mail")
    async def send() -> str:
        return "sent"

    await q.pause("mail")
    assert await q.paused() == ["mail"]
    async with q.worker():
        handle = await send().enqueue()
        await asyncio.sleep(0.1)
        assert await handle.status() == "queued"
        await q.resume("mail")
        assert await handle.result(timeout=5) == "sent"


@pytest.mark.parametrize(
    ("define", "words"),
    [
        (lambda: Limit(0), "at least one"),
        (lambda: Rate(0), "at least one"),
        (lambda: Rate(3, 0), "no time"),
        (lambda: Unique(until="later"), "ended"),
        (lambda: Unique(until="started", within="1h"), "within"),
        (lambda: Queue().job(rate="often")(print_it), "10/s"),
    ],
)
def test_limits_that_make_no_sense_are_refused(define: Callable[[], object], words: str) -> None:
    with pytest.raises(BadJob, match=words):
        define()


async def test_a_key_that_names_no_argument_is_refused_at_the_call(q: Queue) -> None:
    @q.job(fair="{tenant}")
    async def work(name: str) -> None: ...

    with pytest.raises(BadArguments, match="tenant"):
        await work("x").enqueue()


def print_it() -> None:
    """Do nothing."""


async def drained(q: Queue) -> None:
    async with asyncio.timeout(20):
        while await unfinished(q):  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def unfinished(q: Queue) -> int:
    counts = await q.counts()
    return counts["queued"] + counts["running"] + counts["scheduled"]
