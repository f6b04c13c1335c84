# ruff: noqa: ASYNC110  (what is polled is a store: it has no event for it)
"""What is MariaDB's own: its transactions, its limits, and what it does when it fails."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from mizzen.queue import (
    RESULTS,
    BadResult,
    Queue,
    QueueError,
    Retry,
    StoreBusy,
    StoreError,
    chord,
    current_job,
)
from mizzen.queue._process import introduce
from mizzen.queue.abc import OPEN
from mizzen.queue.testing import KIND, done, new

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

    from mizzen.queue.abc import NewJob
    from mizzen.queue.stores.mariadb import MariaDBStore

pytestmark = [pytest.mark.extra(module) for module in ("asyncmy", "pymysql", "sqlalchemy")]


@asynccontextmanager
async def engine_of(url: str) -> AsyncGenerator[Any]:
    from sqlalchemy.ext.asyncio import create_async_engine

    engine = create_async_engine(url.replace("mysql://", "mysql+asyncmy://"))
    try:
        yield engine
    finally:
        await engine.dispose()


@asynccontextmanager
async def alchemy_session(url: str) -> AsyncGenerator[Any]:
    from sqlalchemy.ext.asyncio import AsyncSession

    async with engine_of(url) as engine, AsyncSession(engine) as session, session.begin():
        yield session


@asynccontextmanager
async def alchemy_sync_session(url: str) -> AsyncGenerator[Any]:
    from sqlalchemy import create_engine
    from sqlalchemy.orm import Session

    engine = create_engine(url.replace("mysql://", "mysql+pymysql://"))
    try:
        with Session(engine) as session, session.begin():
            yield session
    finally:
        engine.dispose()


@pytest.mark.parametrize("begin", [alchemy_session, alchemy_sync_session])
async def test_a_job_commits_with_the_session(mariadb_url: str, begin: Any) -> None:
    async with Queue(mariadb_url) as q:

        @q.job
        async def greet(name: str) -> str:
            return f"hello {name}"

        @q.job(unique="one:{name}")
        async def once(name: str) -> None: ...

        async with begin(mariadb_url) as session:
            first, *_ = await q.enqueue_many([greet("% \\ ' 😀"), greet("b")], tx=session)
            only = await once("a").enqueue(tx=session)
            again = await once("a").enqueue(tx=session)
            assert (await q.counts())["queued"] == 0
        assert (await q.counts())["queued"] == 3
        assert only.id == again.id
        assert not again.is_new
        async with q.worker():
            assert await first.result(timeout=5) == "hello % \\ ' 😀"

        class Rollback(Exception):
            pass

        with pytest.raises(Rollback):
            async with begin(mariadb_url) as session:
                await greet("c").enqueue(tx=session)
                raise Rollback
        assert (await q.counts())["queued"] == 0


@pytest.mark.parametrize("begin", [alchemy_session, alchemy_sync_session])
async def test_a_workflow_commits_with_the_session_and_runs(mariadb_url: str, begin: Any) -> None:
    async with Queue(mariadb_url) as q:

        @q.job
        async def number(n: int) -> int:
            return n

        @q.job
        async def total(parts: list[int]) -> int:
            return sum(parts)

        async with q.worker():
            async with begin(mariadb_url) as session:
                run = await chord((number(n) for n in range(20)), total(RESULTS)).enqueue(
                    tx=session
                )
                await asyncio.sleep(0.1)
                assert (await q.counts())["done"] == 0
            assert await run.result(timeout=10) == 190


async def test_a_job_completes_with_the_session_and_under_its_token_only(mariadb_url: str) -> None:
    from sqlalchemy import text

    async with Queue(mariadb_url) as q, engine_of(mariadb_url) as engine:
        await told(mariadb_url, "CREATE TABLE paid (cents INT)")

        @q.job(retry=Retry(max=3, base=0.01))
        async def pay(cents: int) -> str:
            async with engine.begin() as tx, current_job().transaction(tx) as done:
                await tx.execute(text("INSERT INTO paid VALUES (:cents)"), {"cents": cents})
                done.result = f"paid {cents} 😀"
                if current_job().attempt == 1:
                    raise ConnectionError
                if cents == 2:  # somebody else has it by now
                    await told(mariadb_url, "UPDATE mizzen_job SET token = token + 1")
            raise AssertionError("after the commit")

        async with q.worker(concurrency=1):
            one = await pay(1).enqueue()
            assert await one.result(timeout=5) == "paid 1 😀"
            two = await pay(2).enqueue()
            async with asyncio.timeout(10):
                while q.totals["refused_total"] == 0:
                    await asyncio.sleep(0.02)
            assert await two.status() == "running"
        assert await told(mariadb_url, "SELECT cents FROM paid") == [(1,)]


async def test_a_session_elsewhere_is_refused(mariadb_url: str, tmp_path: Path) -> None:
    async with Queue(f"sqlite:///{tmp_path}/app.db") as q, alchemy_session(mariadb_url) as session:

        @q.job
        async def one() -> None: ...

        with pytest.raises(QueueError, match="on mariadb, but this queue's jobs are in sqlite"):
            await one().enqueue(tx=session)


@asynccontextmanager
async def opened(url: str) -> AsyncGenerator[MariaDBStore]:
    from mizzen.queue.stores.mariadb import MariaDBStore

    store = MariaDBStore(url)
    await store.start()
    try:
        yield store
    finally:
        await store.aclose()


async def told(url: str, statement: str) -> list[Any]:
    """Say something to the server by the side of the queue."""
    from sqlalchemy import text

    async with engine_of(url) as engine, engine.begin() as connection:
        result = await connection.execute(text(statement))
        return [*result] if result.returns_rows else []


async def kill_others(url: str) -> int:
    others = (
        "SELECT id FROM information_schema.processlist "
        "WHERE db = DATABASE() AND id <> CONNECTION_ID()"
    )
    ids = [id for (id,) in await told(url, others)]
    for id in ids:
        try:
            await told(url, f"KILL {id}")
        except Exception as exc:
            assert "Unknown thread" in str(exc)  # noqa: PT017  (it went by itself)
    return len(ids)


async def patient_counts(q: Queue) -> dict[str, int]:
    for _ in range(20):
        try:
            return await q.counts()
        except StoreError:
            await asyncio.sleep(0.02)
    return await q.counts()


async def test_connections_killed_in_the_middle_lose_nothing(mariadb_url: str) -> None:
    async with Queue(mariadb_url) as q:
        runs: Counter[int] = Counter()

        @q.job
        async def note(n: int) -> None:
            await asyncio.sleep(0.001)
            runs[n] += 1

        count, cut = 1500, 0
        handles = await q.enqueue_many([note(n) for n in range(count)])
        async with q.worker():
            for _ in range(4):
                await asyncio.sleep(0.08)
                cut += await kill_others(mariadb_url)
            while (await patient_counts(q))["done"] < count:
                await asyncio.sleep(0.02)
            assert (await patient_counts(q))["running"] == 0
        assert cut > 0
        assert set(runs) == set(range(count))
        assert await handles[-1].status() == "done"


async def test_a_connection_lost_while_idle_costs_no_error(mariadb_url: str) -> None:
    async with opened(mariadb_url) as store:
        await store.ping()
        assert await kill_others(mariadb_url) == 1
        await asyncio.sleep(0.05)
        await store.insert([new()])
        assert await store.stats(None, None) == {"queued": 1}


async def test_a_cancelled_step_leaves_no_connection_in_the_middle(mariadb_url: str) -> None:
    async with opened(mariadb_url) as store:
        worker = introduce()
        await store.heartbeat(worker)
        ids = (await store.insert([new() for _ in range(300)])).ids
        for n in range(60):
            task = asyncio.create_task(store.step(worker.id, [], 5, {KIND: OPEN}, None))
            await asyncio.sleep(n * 0.0001)
            task.cancel()
            await asyncio.wait((task,))
        await store.disown(worker.id, [])
        held = (await store.step(worker.id, [], 300, {KIND: OPEN}, None)).claimed
        assert [job.id for job in held] == ids


async def test_a_claim_looks_at_what_it_takes_however_much_waits(mariadb_url: str) -> None:
    async with opened(mariadb_url) as store:
        worker = introduce()
        await store.heartbeat(worker)
        for kind in ("other", KIND, "unknown"):
            await store.insert([new(kind) for _ in range(3000)])
        await store.insert([new(fair_key="busy") for _ in range(3000)])
        await store.insert([new(delay=600) for _ in range(1000)])

        async def reads() -> int:
            rows = await store._connections.perform(  # pyright: ignore[reportPrivateUsage]
                lambda connection: connection.rows("SHOW SESSION STATUS LIKE 'Handler_read_%'")
            )
            return sum(int(count) for _, count in rows)

        (job, *_) = (await store.step(worker.id, [], 10, {KIND: OPEN}, None, 10)).claimed
        before = await reads()
        step = await store.step(worker.id, [done(job)], 10, {KIND: OPEN}, None, 10)
        assert len(step.claimed) == 10
        assert await reads() - before < 400


async def test_two_who_wait_for_each_other_go_on(mariadb_url: str) -> None:
    keys = [f"key{n}" for n in range(40)]

    def jobs(order: list[str]) -> list[NewJob]:
        return [new(unique_key=key) for key in order]

    async with opened(mariadb_url) as one, opened(mariadb_url) as other:
        for n in range(15):
            some = [f"{n}.{key}" for key in keys]
            first, second = await asyncio.gather(
                one.insert(jobs(some)), other.insert(jobs(some[::-1]))
            )
            assert first.ids == second.ids[::-1]


async def test_a_lock_that_somebody_holds_is_busy_in_the_end(
    mariadb_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sqlalchemy import text

    monkeypatch.setattr(
        "mizzen.queue.stores._mariadb_pool._SETTINGS", "SET innodb_lock_wait_timeout = 1"
    )
    async with opened(mariadb_url) as store, engine_of(mariadb_url) as engine:
        (id,) = (await store.insert([new()])).ids
        async with engine.begin() as connection:
            await connection.execute(text("SELECT id FROM mizzen_job FOR UPDATE"))
            with pytest.raises(StoreBusy, match="Lock wait timeout"):
                await store.cancel(id)
        assert await store.cancel(id) == "queued"


async def test_ten_megabytes_come_back_and_more_than_the_server_takes_is_told(
    mariadb_url: str,
) -> None:
    async with opened(mariadb_url) as store:
        worker = introduce()
        await store.heartbeat(worker)
        text = json.dumps({"x": "é \\ ' " + "x" * 10_000_000})
        await store.insert([new(args=text), new()])
        job, _ = (await store.step(worker.id, [], 2, {KIND: OPEN}, None)).claimed
        assert job.args == text
        with pytest.raises(StoreError, match="max_allowed_packet"):
            await store.insert([new(args=json.dumps({"x": "y" * 20_000_000}))])


async def test_many_jobs_are_inserted_in_portions_and_all_or_none(
    mariadb_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mizzen.queue.stores._mariadb_portions._MOST", 1000)
    async with opened(mariadb_url) as store:
        many = [new(args=json.dumps({"n": n, "x": "y" * 100 * n})) for n in range(30)]
        ids = (await store.insert(many)).ids
        assert ids == sorted(set(ids))
        for id, job in zip(ids, many, strict=True):
            record = await store.find(id)
            assert record is not None
            assert record.args == job.args
        with pytest.raises(StoreError, match="too long"):
            await store.insert([*many, new("k" * 300)])
        assert await store.stats(None, None) == {"queued": 30}


async def test_a_result_that_is_too_large_is_lost_but_not_the_job(mariadb_url: str) -> None:
    async with Queue(mariadb_url) as q:

        @q.job
        async def large(size: int) -> str:
            return '"' * size

        async with q.worker():
            fits, not_so = await q.enqueue_many([large(2_000_000), large(9_000_000)])
            assert len(await fits.result(timeout=20)) == 2_000_000
            with pytest.raises(BadResult, match="max_allowed_packet"):
                await not_so.result(timeout=20)


async def test_names_and_keys_of_any_text_come_back(mariadb_url: str) -> None:
    odd = "a\\' \" % %s {x} 😀 A\0z "
    async with opened(mariadb_url) as store:
        worker = introduce()
        await store.heartbeat(worker)
        one = new(odd, queue=odd, unique_key=odd, limit_key=odd, fair_key=odd)
        (id,) = (await store.insert([one])).ids
        assert (await store.insert([one])).ids == [id]
        for close in (odd.lower(), odd.rstrip()):  # texts are told apart by case and spaces
            assert (await store.insert([new(odd, unique_key=close)])).found == set()
        claimed = (await store.step(worker.id, [], 5, {odd: OPEN}, [odd], 5)).claimed
        assert [(job.id, job.kind, job.queue) for job in claimed] == [(id, odd, odd)]
        await store.pause(odd, True)
        assert await store.paused() == [odd]


async def test_two_processes_that_start_at_once_make_the_tables_once(mariadb_url: str) -> None:
    from mizzen.queue.stores.mariadb import MariaDBStore

    stores = [MariaDBStore(mariadb_url) for _ in range(4)]
    await asyncio.gather(*(store.start() for store in stores))
    await asyncio.gather(*(store.insert([new()]) for store in stores))
    assert await stores[0].stats(None, None) == {"queued": 4}
    await asyncio.gather(*(store.aclose() for store in stores))


async def test_another_process_is_heard(mariadb_url: str) -> None:
    async with Queue(mariadb_url) as producer, Queue(mariadb_url) as consumer:

        @producer.job(name="one")
        async def one() -> int:
            return 1

        @consumer.job(name="one")
        async def also_one() -> int:
            return 1

        async with consumer.worker():
            assert await (await one().enqueue()).result(timeout=5) == 1


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("mariadb://ann:s3cret@127.0.0.1:1/app", "MariaDB: "),
        ("mariadb://ann:s3cret@127.0.0.1:1", "names a database"),
        ("mariadb://ann:s3cret@127.0.0.1:x/app", "port must be a number"),
        ("mariadb://ann:s3cret@127.0.0.1/app?sll=true", "not 'sll'"),
    ],
)
async def test_a_server_that_is_away_or_misnamed_is_told(url: str, message: str) -> None:
    with pytest.raises(QueueError, match=message) as caught:
        await Queue(url).start()
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("version", "message"),
    [("8.0.36", "this server is MySQL 8.0.36"), ("10.5.9-MariaDB", "10.6 or later")],
)
def test_servers_that_lack_something_are_refused(version: str, message: str) -> None:
    from mizzen.queue.stores._mariadb_pool import check_version

    with pytest.raises(QueueError, match=message):
        check_version(version)
    check_version("5.5.5-10.6.12-MariaDB-log")
    check_version("11.4.2-MariaDB-ubu2404")
