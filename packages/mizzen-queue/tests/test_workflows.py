"""Jobs that wait for others, and run with their results."""

from __future__ import annotations

import asyncio
import sqlite3
from typing import TYPE_CHECKING, Any

import pytest

from mizzen.queue import (
    OUTCOMES,
    RESULT,
    RESULTS,
    BadArguments,
    GiveUp,
    JobCancelled,
    JobFailed,
    Outcome,
    Queue,
    QueueError,
    StoreError,
    UnknownJob,
    batch,
    chain,
    chord,
    group,
)
from mizzen.queue._flows import flows_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from mizzen.queue.abc import Parent


class Jobs:
    """The jobs of these tests."""

    def __init__(self, q: Queue) -> None:
        self.broken = True

        @q.job
        async def number(n: int) -> int:
            return n

        @q.job
        def add(a: int, b: int = 1) -> int:
            return a + b

        @q.job
        async def total(parts: list[int]) -> int:
            return sum(parts)

        @q.job
        async def fail() -> int:
            if self.broken:
                raise GiveUp("it is broken")
            return 40

        @q.job
        async def tell(outcomes: list[Outcome]) -> list[str]:
            return [outcome.status for outcome in outcomes]

        @q.job
        async def words() -> list[str]:
            return ["not", "a", "number"]

        self.number, self.add, self.total = number, add, total
        self.fail, self.tell, self.words = fail, tell, words


@pytest.fixture
def jobs(q: Queue) -> Jobs:
    return Jobs(q)


@pytest.fixture
async def working(q: Queue, jobs: Jobs) -> AsyncIterator[None]:
    async with q.worker():
        yield


async def ended(q: Queue, id: int) -> dict[str, int]:
    """The counts of a workflow whose jobs have all ended."""
    async with asyncio.timeout(10):
        while not (status := await q.workflow_status(id)).has_ended:  # noqa: ASYNC110  (a poll)
            await asyncio.sleep(0.005)
    return status.counts


@pytest.mark.usefixtures("working")
async def test_results_are_passed_on(q: Queue, jobs: Jobs) -> None:
    flow = q.workflow("sum")
    one, two = flow.add(jobs.number(1)), flow.add(jobs.number(2))
    three = flow.add(jobs.add(one.result, b=two.result))
    flow.add(jobs.total([three.result, one.result, 10]))
    run = await flow.enqueue()
    assert await run.result(timeout=5) == 14
    assert await run[three].result(timeout=1) == 3
    status = await q.workflow_status(run.id)
    assert (status.name, status.counts, status.has_ended) == ("sum", {"done": 4}, True)
    assert [node.after for node in status.nodes] == [[], [], [0, 1], [0, 2]]
    assert [node.kind for node in status.nodes] == ["number", "number", "add", "total"]


@pytest.mark.usefixtures("working")
async def test_the_usual_shapes(jobs: Jobs) -> None:
    chained = await chain(jobs.number(1), jobs.add(RESULT), jobs.add(RESULT, b=5)).enqueue()
    assert await chained.result(timeout=5) == 7
    grouped = await group(jobs.number(n) for n in range(5)).enqueue()
    assert await grouped.result(timeout=5) == [0, 1, 2, 3, 4]
    chorded = await chord([jobs.number(n) for n in range(100)], jobs.total(RESULTS)).enqueue()
    assert await chorded.result(timeout=5) == 4950
    nested = chain(
        jobs.number(1),
        group([jobs.add(RESULT, b=n) for n in range(3)]),
        group([jobs.total(RESULTS), jobs.total([5])]),
        jobs.total(RESULTS),
        name="nested",
    )
    run = await nested.enqueue()
    assert await run.result(timeout=5) == 6 + 5
    assert (await run.status()).name == "nested"


@pytest.mark.usefixtures("working")
async def test_order_without_data(q: Queue, jobs: Jobs) -> None:
    ran: list[str] = []

    @q.job
    async def note(name: str) -> None:
        await asyncio.sleep(0.02 if name == "first" else 0)
        ran.append(name)

    flow = q.workflow()
    first = flow.add(note("first"))
    flow.add(note("second"), after=[first])
    await (await flow.enqueue()).result(timeout=5)
    assert ran == ["first", "second"]


async def test_what_waits_is_counted_found_and_cancelled(q: Queue, jobs: Jobs) -> None:
    run = await chain(jobs.number(1), jobs.add(RESULT), jobs.add(RESULT)).enqueue()
    assert (await q.counts())["scheduled"] == 2
    first, second, third = run.handles
    assert [await handle.status() for handle in run.handles] == ["queued", "scheduled", "scheduled"]
    assert await second.cancel()
    assert [await handle.status() for handle in run.handles] == ["queued", "cancelled", "cancelled"]
    with pytest.raises(JobCancelled):
        await third.result(timeout=1)
    assert await run.cancel() == 1
    assert await first.status() == "cancelled"


@pytest.mark.usefixtures("working")
async def test_a_dead_job_ends_what_comes_after_it_until_it_is_retried(
    q: Queue, jobs: Jobs
) -> None:
    run = await chain(jobs.fail(), jobs.add(RESULT), jobs.add(RESULT)).enqueue()
    assert await ended(q, run.id) == {"dead": 1, "cancelled": 2}
    dead, second, _ = run.handles
    with pytest.raises(JobFailed, match="it is broken"):
        await dead.result(timeout=1)
    with pytest.raises(
        JobCancelled, match=rf": job {dead.id} \(fail\), which it waited for, is dead$"
    ):
        await second.result(timeout=1)
    jobs.broken = False
    assert await q.retry(dead.id)
    assert await run.result(timeout=5) == 42


@pytest.mark.usefixtures("working")
async def test_a_batch_calls_back(q: Queue, jobs: Jobs) -> None:
    run = await batch(
        [jobs.number(1), jobs.fail()],
        on_success=jobs.total(RESULTS),
        on_complete=jobs.tell(OUTCOMES),
    ).enqueue()
    *_, success, complete = run.handles
    assert await complete.result(timeout=5) == ["done", "dead"]
    assert await success.status() == "cancelled"
    jobs.broken = False
    await q.retry(run.handles[1].id)
    assert await success.result(timeout=5) == 41


@pytest.mark.usefixtures("working")
async def test_a_job_that_runs_anyway_gets_none_for_a_missing_result(q: Queue) -> None:
    @q.job
    async def fail() -> int:
        raise GiveUp

    @q.job
    async def or_else(n: int | None) -> int:
        return -1 if n is None else n

    flow = q.workflow()
    flow.add(or_else(flow.add(fail()).result), anyway=True)
    assert await (await flow.enqueue()).result(timeout=5) == -1


@pytest.mark.usefixtures("working")
async def test_results_are_checked_when_they_are_there(jobs: Jobs) -> None:
    run = await chain(jobs.words(), jobs.add(RESULT)).enqueue()
    with pytest.raises(JobFailed, match="Expected `int`, got `array`"):
        await run.result(timeout=5)


@pytest.mark.usefixtures("working")
async def test_a_result_that_was_not_kept_is_told(q: Queue, jobs: Jobs) -> None:
    @q.job
    async def unkept() -> Any:
        return object()

    run = await chain(unkept(), jobs.add(RESULT)).enqueue()
    with pytest.raises(JobFailed, match=r"job \d+ left no result: unkept finished"):
        await run.result(timeout=5)


async def test_a_job_whose_inputs_the_store_does_not_tell_goes_back_uncharged(
    jobs: Jobs, q: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = 0
    parents = flows_of(q.store).parents

    async def failing(id: int) -> list[Parent]:
        nonlocal asked
        asked += 1
        if asked < 3:
            raise StoreError("gone for a moment")
        return await parents(id)

    monkeypatch.setattr(q.store, "parents", failing)
    async with q.worker():
        run = await chain(jobs.number(1), jobs.add(RESULT)).enqueue()
        assert await run.result(timeout=5) == 2
    assert (await run.handles[1].record()).attempt == 1


def test_other_arguments_are_checked_at_the_call() -> None:
    jobs = Jobs(Queue())
    with pytest.raises(BadArguments, match="Expected `int`, got `str`"):
        jobs.add(RESULT, b="x")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    with pytest.raises(BadArguments, match="Missing required argument"):
        jobs.add(b=RESULT)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


async def test_mistakes_are_explained(q: Queue, jobs: Jobs) -> None:
    @q.job(unique=True)
    async def once() -> None: ...

    flow, other = q.workflow(), q.workflow("other")
    foreign = other.add(jobs.number(1))
    with pytest.raises(QueueError, match="isn't in"):
        flow.add(jobs.add(foreign.result))
    with pytest.raises(QueueError, match="isn't in"):
        flow.add(jobs.number(1), after=[foreign])
    with pytest.raises(QueueError, match="unique"):
        flow.add(once())
    with pytest.raises(QueueError, match="has no jobs"):
        await flow.enqueue()
    with pytest.raises(QueueError, match="needs at least one"):
        group([])
    with pytest.raises(QueueError, match="write RESULTS"):
        chain(group([jobs.number(1), jobs.number(2)]), jobs.add(RESULT))
    for call, name in ((jobs.add(RESULT), "RESULT"), (jobs.total(RESULTS), "RESULTS")):
        with pytest.raises(QueueError, match=f"nothing for {name}$"):
            await chain(call).enqueue()
    with pytest.raises(QueueError, match="nothing for OUTCOMES"):
        await chain(jobs.tell(OUTCOMES)).enqueue()
    with pytest.raises(QueueError, match="add it to a workflow"):
        await jobs.add(foreign.result).enqueue()
    with pytest.raises(QueueError, match="belongs to another queue"):
        Queue().workflow().add(jobs.number(1))
    await other.enqueue()
    with pytest.raises(QueueError, match="was enqueued as workflow"):
        await other.enqueue()
    with pytest.raises(UnknownJob, match="no workflow 12345"):
        await q.workflow_status(12345)
    assert sum((await q.counts()).values()) == 1


@pytest.mark.usefixtures("working")
async def test_data_that_looks_like_a_placeholder_is_data(q: Queue) -> None:
    @q.job
    async def same(data: Any, other: Any = None) -> Any:
        return data

    flow = q.workflow()
    first = flow.add(same(1))
    data = {"$result": 0, "text": same(first.result).args}
    flow.add(same(data, first.result))
    assert await (await flow.enqueue()).result(timeout=5) == data


async def test_limits_hold_in_workflows(q: Queue) -> None:
    running, most = 0, 0

    @q.job(concurrency=2, fair="{n}")
    async def narrow(n: int, after: int = 0) -> int:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.002)
        running -= 1
        return n

    async with q.worker():
        run = await chain(narrow(0), group(narrow(n, RESULT) for n in range(20))).enqueue()
        assert await run.result(timeout=5) == list(range(20))
    assert most == 2


async def test_a_workflow_commits_with_the_callers_data(tmp_path: Path) -> None:
    path = f"{tmp_path}/app.db"
    async with Queue(f"sqlite:///{path}") as q:
        jobs = Jobs(q)
        tx = sqlite3.connect(path)
        tx.execute("CREATE TABLE data (n)")
        for end in (tx.rollback, tx.commit):
            tx.execute("INSERT INTO data VALUES (1)")
            flow = chord([jobs.number(n) for n in range(3)], jobs.total(RESULTS))
            run = await flow.enqueue(tx=tx)
            assert sum((await q.counts()).values()) == 0
            end()
        tx.close()
        async with q.worker():
            assert await run.result(timeout=5) == 3


@pytest.mark.extra("aiosqlite")
async def test_a_workflow_commits_with_a_connection_of_aiosqlite(tmp_path: Path) -> None:
    import aiosqlite

    path = f"{tmp_path}/app.db"
    async with Queue(f"sqlite:///{path}") as q:
        jobs = Jobs(q)
        async with aiosqlite.connect(path) as connection:
            run = await chain(jobs.number(4), jobs.add(RESULT)).enqueue(tx=connection)
            await connection.commit()
        async with q.worker():
            assert await run.result(timeout=5) == 5


async def test_a_connection_that_commits_each_statement_is_refused(tmp_path: Path) -> None:
    path = f"{tmp_path}/app.db"
    async with Queue(f"sqlite:///{path}") as q:
        jobs = Jobs(q)
        tx = sqlite3.connect(path, isolation_level=None)
        with pytest.raises(QueueError, match="begin a transaction first"):
            await chain(jobs.number(4), jobs.add(RESULT)).enqueue(tx=tx)
        tx.execute("BEGIN")
        await chain(jobs.number(4), jobs.add(RESULT)).enqueue(tx=tx)
        tx.execute("COMMIT")
        tx.close()
        assert (await q.counts())["scheduled"] == 1


async def test_a_first_job_that_ends_before_any_worker_saw_its_workflow(tmp_path: Path) -> None:
    path = f"{tmp_path}/app.db"
    async with Queue(f"sqlite:///{path}") as q:
        jobs = Jobs(q)
        run = await chain(jobs.number(4), jobs.add(RESULT)).enqueue()
        tx = sqlite3.connect(path)
        tx.execute(
            "INSERT INTO mizzen_job_done (id, status, queue, kind, priority, args, attempt, "
            "max_attempts, created_at, finished_at, result, meta) SELECT id, 'done', queue, kind, "
            "priority, args, 1, 5, 1, 1, '8', meta FROM mizzen_job WHERE state = 0"
        )
        tx.execute("DELETE FROM mizzen_job WHERE state = 0")
        tx.commit()
        tx.close()
        async with q.worker():
            assert await run.result(timeout=5) == 9


async def test_links_go_with_the_jobs_that_history_drops(tmp_path: Path) -> None:
    path = f"{tmp_path}/app.db"
    async with Queue(f"sqlite:///{path}") as q:
        jobs = Jobs(q)
        async with q.worker():
            runs = [await chain(jobs.number(4), jobs.add(RESULT)).enqueue() for _ in range(2)]
            for run in runs:
                assert await run.result(timeout=5) == 5
        for handle in runs[0].handles:
            assert await q.delete(handle.id)
        with pytest.raises(UnknownJob):
            await runs[0].status()
        assert (await runs[1].status()).counts == {"done": 2}
        await q.store.prune(q.store.clock() + 10, 0)
        reader = sqlite3.connect(path)
        for table in ("mizzen_job_node", "mizzen_job_edge"):
            assert reader.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)
        reader.close()


@pytest.mark.extra("psycopg")
async def test_in_a_transaction_on_postgres(postgres_url: str) -> None:
    import psycopg

    async with Queue(postgres_url) as q:
        jobs = Jobs(q)
        async with await psycopg.AsyncConnection.connect(postgres_url) as tx:
            flow = chord([jobs.number(n) for n in range(3)], jobs.total(RESULTS))
            run = await flow.enqueue(tx=tx)
            assert sum((await q.counts()).values()) == 0
        async with q.worker(), q.worker():
            assert await run.result(timeout=10) == 3
            run = await chain(*[jobs.number(1), *[jobs.add(RESULT)] * 20]).enqueue()
            assert await run.result(timeout=10) == 21
            run = await chain(jobs.fail(), jobs.add(RESULT), jobs.add(RESULT)).enqueue()
            assert await ended(q, run.id) == {"dead": 1, "cancelled": 2}
            jobs.broken = False
            assert await q.retry(run.id)
            assert await run.result(timeout=10) == 42
        async with await psycopg.AsyncConnection.connect(postgres_url, autocommit=True) as tx:
            with pytest.raises(QueueError, match="begin a transaction first"):
                await chain(jobs.number(4), jobs.add(RESULT)).enqueue(tx=tx)


def test_reprs_say_what_they_are() -> None:
    q = Queue()
    jobs = Jobs(q)
    flow = q.workflow("w")
    node = flow.add(jobs.number(1))
    assert repr(flow) == "<mizzen.queue.Workflow 'w' of 1 jobs>"
    assert repr(node).startswith("<mizzen.queue.Node ")
    assert repr(RESULT).startswith("<mizzen.queue ")
