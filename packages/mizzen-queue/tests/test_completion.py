"""A job and what it writes commit together: both are there once, or neither."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sqlite3
from typing import TYPE_CHECKING, Any

import pytest

from mizzen.queue import (
    BadResult,
    ClaimLost,
    Completion,
    JobFailed,
    Queue,
    Retry,
    StoreError,
    current_job,
)
from mizzen.queue._ledger import Ledger, Origin
from mizzen.queue._process import introduce
from mizzen.queue.abc import OPEN

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable
    from pathlib import Path

pytestmark = pytest.mark.extra("sqlalchemy")

AT_ONCE = Retry(max=3, base="1ms", jitter=0)


@pytest.fixture
async def q(shared_url: str) -> AsyncIterator[Queue]:
    async with Queue(shared_url) as queue, queue_tables(shared_url):
        yield queue


@contextlib.asynccontextmanager
async def queue_tables(url: str) -> AsyncGenerator[None]:
    from sqlalchemy import text

    async with session(url) as tx:
        await tx.execute(text("CREATE TABLE paid (cents int)"))
    yield


@contextlib.asynccontextmanager
async def session(url: str) -> AsyncGenerator[Any]:
    from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

    driver = url.replace("sqlite:", "sqlite+aiosqlite:").replace("sql:", "sql+psycopg:")
    engine = create_async_engine(driver)
    try:
        async with AsyncSession(engine) as tx, tx.begin():
            yield tx
    finally:
        await engine.dispose()


@contextlib.contextmanager
def plain(url: str) -> Any:
    """A connection of the driver itself, for a thread."""
    if url.startswith("sqlite:"):
        with contextlib.closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as tx, tx:
            yield tx
    else:
        import psycopg

        with psycopg.connect(url) as connection:
            yield connection


async def write(tx: Any, cents: int) -> None:
    from sqlalchemy import text

    await tx.execute(text("INSERT INTO paid VALUES (:cents)"), {"cents": cents})


async def written(url: str) -> list[int]:
    from sqlalchemy import text

    async with session(url) as tx:
        return [row[0] for row in await tx.execute(text("SELECT cents FROM paid ORDER BY cents"))]


async def test_the_job_is_done_with_its_writes(q: Queue, shared_url: str) -> None:
    told: list[str] = []
    for name in ("succeeded", "failed", "retried"):
        q.on(name, lambda event: told.append(event.name))

    @q.job(concurrency=1)
    async def pay(cents: int) -> str:
        async with session(shared_url) as tx, current_job().transaction(tx) as done:
            await write(tx, cents)
            done.result = f"paid {cents}"
        return "not this"

    async with q.worker():
        handles = await q.enqueue_many([pay(n) for n in range(3)])
        results = [await handle.result(timeout=5) for handle in handles]
        counts = await q.counts()
    assert results == ["paid 0", "paid 1", "paid 2"]
    assert told == ["succeeded"] * 3
    assert (counts["done"], counts["running"]) == (3, 0)
    assert await written(shared_url) == [0, 1, 2]


async def test_a_thread_completes_in_its_own_transaction(q: Queue, shared_url: str) -> None:
    @q.job(retry=AT_ONCE)
    def pay(cents: int) -> str:
        with plain(shared_url) as tx, current_job().transaction(tx) as done:
            tx.execute(f"INSERT INTO paid VALUES ({cents})")
            done.result = "paid"
            if current_job().attempt == 1:
                raise ConnectionError
        raise AssertionError("after the commit")

    async with q.worker():
        handle = await pay(5).enqueue()
        assert await handle.result(timeout=5) == "paid"
        assert (await handle.record()).attempt == 2
    assert await written(shared_url) == [5]


async def test_rolled_back_it_is_tried_again(q: Queue, shared_url: str) -> None:
    @q.job(retry=AT_ONCE)
    async def pay(cents: int) -> None:
        async with session(shared_url) as tx:
            async with current_job().transaction(tx):
                await write(tx, cents)
            if current_job().attempt < 3:
                raise ConnectionError  # after the statement, before the commit

    async with q.worker():
        handle = await pay(5).enqueue()
        await handle.result(timeout=5)
        assert (await handle.record()).attempt == 3
    assert await written(shared_url) == [5]


async def test_rolled_back_and_returned_it_is_done_as_usual(q: Queue, shared_url: str) -> None:
    @q.job
    async def pay(cents: int) -> str:
        with contextlib.suppress(ConnectionError):
            async with session(shared_url) as tx:
                async with current_job().transaction(tx) as done:
                    await write(tx, cents)
                    done.result = "paid"
                raise ConnectionError
        return "not paid"

    async with q.worker():
        assert await (await pay(5).enqueue()).result(timeout=5) == "not paid"
    assert await written(shared_url) == []


async def test_a_failure_after_the_commit_repeats_nothing(q: Queue, shared_url: str) -> None:
    told: list[str] = []
    q.on("succeeded", lambda event: told.append(event.name))
    q.on("failed", lambda event: told.append(event.name))

    @q.job(retry=AT_ONCE)
    async def pay(cents: int) -> str:
        async with session(shared_url) as tx, current_job().transaction(tx) as done:
            await write(tx, cents)
            done.result = "paid"
        raise ConnectionError

    async with q.worker():
        assert await (await pay(5).enqueue()).result(timeout=5) == "paid"
    assert told == ["succeeded"]
    assert await written(shared_url) == [5]


async def test_a_completed_job_whose_worker_can_not_tell_is_not_run_again(
    q: Queue, shared_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    @q.job(retry=Retry(max=1))
    async def pay(cents: int) -> str:
        async with session(shared_url) as tx, current_job().transaction(tx) as done:
            await write(tx, cents)
            done.result = "paid"
        monkeypatch.setattr(q.store, "memos", refuse)
        raise ConnectionError

    asked = 0

    async def refuse(id: int) -> dict[str, str]:
        nonlocal asked
        asked += 1
        if asked == 2:
            monkeypatch.undo()
        raise StoreError("down")

    async with q.worker():
        assert await (await pay(5).enqueue()).result(timeout=5) == "paid"
    assert asked == 2
    assert await written(shared_url) == [5]


async def test_killed_on_its_last_attempt_a_completed_job_is_done_and_not_dead(
    q: Queue, shared_url: str
) -> None:
    @q.job(retry=Retry(max=1))
    async def pay() -> str:
        raise AssertionError("not to be run again")

    handle = await pay().enqueue()
    worker = introduce()
    await q.store.heartbeat(worker)
    (claimed,) = (await q.store.step(worker.id, [], 1, {pay.name: OPEN}, None)).claimed
    assert await q.store.charge(claimed)
    ledger = Ledger(Origin(q.store, claimed, pay, asyncio.get_running_loop()))
    async with session(shared_url) as tx, Completion(ledger, tx) as done:
        await write(tx, 5)
        done.result = "paid"
    assert await q.store.rescue(15, lambda _: False) == 1
    async with q.worker():
        assert await handle.result(timeout=5) == "paid"
    assert await written(shared_url) == [5]


async def test_a_run_that_was_replaced_writes_nothing(q: Queue, shared_url: str) -> None:
    started, go_on = asyncio.Event(), asyncio.Event()
    lost: list[ClaimLost] = []

    @q.job
    async def pay(cents: int) -> str:
        stale = not started.is_set()
        started.set()
        if stale:
            await go_on.wait()
        try:
            async with session(shared_url) as tx, current_job().transaction(tx) as done:
                await write(tx, cents + stale)
                done.result = f"stale: {stale}"
        except ClaimLost as exc:
            lost.append(exc)
            raise
        return "unused"

    handle = await pay(5).enqueue()
    async with q.worker():
        await started.wait()
        assert await q.store.rescue(15, lambda _: False) == 1
        async with q.worker():
            assert await handle.result(timeout=5) == "stale: False"
            go_on.set()
            while not q.stats()["refused_total"]:  # noqa: ASYNC110
                await asyncio.sleep(0.001)
    assert len(lost) == 1
    assert await written(shared_url) == [5]
    assert (await q.counts())["done"] == 1


async def test_mistakes_are_told(q: Queue, shared_url: str) -> None:
    @q.job(retry=Retry(max=1))
    async def unkept() -> None:
        async with session(shared_url) as tx, current_job().transaction(tx) as done:
            done.result = object()

    @q.job(retry=Retry(max=1))
    def no_transaction() -> None:
        with current_job().transaction({}):
            pass

    @q.job(retry=Retry(max=1))
    async def async_without_async() -> None:
        async with session(shared_url) as tx:
            with current_job().transaction(tx):
                pass

    @q.job(retry=Retry(max=1))
    def by_itself() -> None:
        with plain(shared_url) as tx:
            if shared_url.startswith("sqlite:"):
                tx.isolation_level = None
            else:
                tx.autocommit = True
            with current_job().transaction(tx):
                pass

    async with q.worker():
        with pytest.raises(BadResult, match="its result can't be kept"):
            await (await unkept().enqueue()).result(timeout=5)
        for job, message in [
            (no_transaction, r"not builtins\.dict"),
            (async_without_async, "write `async with`"),
            (by_itself, "begin a transaction first"),
        ]:
            with pytest.raises(JobFailed, match=message):
                await (await job().enqueue()).result(timeout=5)


async def test_in_memory_there_is_no_transaction_to_join() -> None:
    async with Queue() as q:

        @q.job(retry=Retry(max=1))
        async def pay() -> None:
            async with current_job().transaction(None):
                raise AssertionError("not reached")

        async with q.worker():
            with pytest.raises(JobFailed, match="can't complete a job in a transaction"):
                await (await pay().enqueue()).result(timeout=5)


JOBS = """
import asyncio, os, pathlib, sqlite3
from mizzen.queue import ClaimLost, Queue, current_job

url = os.environ["QUEUE_URL"]
q = Queue(url)

def begin():
    if url.startswith("sqlite:"):
        return sqlite3.connect(url.removeprefix("sqlite:///"))
    import psycopg
    return psycopg.connect(url)

@q.job
async def pay(cents: int) -> str:
    print("pay", flush=True)
    while "WAIT" in os.environ and not pathlib.Path("go").exists():
        await asyncio.sleep(0.01)
    tx = begin()
    try:
        with tx, current_job().transaction(tx) as done:
            tx.execute(f"INSERT INTO paid VALUES ({cents})")
            done.result = os.environ["NAME"]
    except ClaimLost:
        print("claim lost", flush=True)
        raise
    print("committed", flush=True)
    await asyncio.sleep(60)
"""


@pytest.mark.slow
async def test_killed_after_the_commit_it_is_done_and_not_run_again(
    q: Queue, shared_url: str, child: Callable[..., Any], tmp_path: Path
) -> None:
    (tmp_path / "paying.py").write_text(JOBS)

    @q.job
    async def pay(cents: int) -> str:
        raise NotImplementedError

    handle = await pay(5).enqueue()
    worker = await child("worker", "paying:q", QUEUE_URL=shared_url, NAME="first").start()
    await worker.line("committed")
    assert await worker.end(signal.SIGKILL) == -signal.SIGKILL
    second = await child("worker", "paying:q", QUEUE_URL=shared_url, NAME="second").start()
    assert await handle.result(timeout=20) == "first"
    assert await second.end(signal.SIGTERM) == 0
    assert await written(shared_url) == [5]


@pytest.mark.slow
async def test_a_worker_that_was_stopped_past_its_lease_completes_nothing(
    q: Queue, shared_url: str, child: Callable[..., Any], tmp_path: Path
) -> None:
    (tmp_path / "paying.py").write_text(JOBS)

    @q.job
    async def pay(cents: int) -> str:
        async with session(shared_url) as tx, current_job().transaction(tx) as done:
            await write(tx, cents)
            done.result = "second"
        return ""

    handle = await pay(5).enqueue()
    env = {"QUEUE_URL": shared_url, "NAME": "first", "WAIT": "1"}
    stale = await child("worker", "paying:q", **env).start()
    await stale.line("pay")
    stale.process.send_signal(signal.SIGSTOP)
    assert await q.store.rescue(15, lambda who: who.pid != stale.process.pid) == 1
    async with q.worker():
        assert await handle.result(timeout=10) == "second"
    (tmp_path / "go").touch()
    stale.process.send_signal(signal.SIGCONT)
    await stale.line("claim lost")
    assert await stale.end(signal.SIGTERM) == 0
    assert await written(shared_url) == [5]
    assert await handle.result(timeout=1) == "second"
