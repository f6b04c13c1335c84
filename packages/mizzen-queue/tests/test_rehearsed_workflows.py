"""`q.testing()` with jobs that wait for others, and jobs that keep their place."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mizzen.queue import RESULT, RESULTS, Queue, chain, chord, current_job
from mizzen.queue.testing import assert_enqueued

if TYPE_CHECKING:
    from mizzen.queue import Workflow


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def url(request: pytest.FixtureRequest) -> str:
    if request.param == "postgres":
        return str(request.getfixturevalue("postgres_url"))
    folder = request.getfixturevalue("tmp_path")
    return "memory:" if request.param == "memory" else f"sqlite:///{folder}/app.db"


async def test_a_workflow_runs_in_its_order(q: Queue) -> None:
    order: list[int] = []

    @q.job
    async def add(n: int, to: int) -> int:
        order.append(n)
        return n + to

    @q.job
    async def total(of: list[int]) -> int:
        return sum(of)

    def flow() -> Workflow:
        return chord([chain(add(1, 10), add(2, to=RESULT)), add(3, 0)], total(RESULTS))

    with q.testing():
        run = await flow().enqueue()
        await assert_enqueued(q, add, count=3)
        await assert_enqueued(q, total, status="scheduled", count=1)
        ran = await q.drain()
        assert await run.result() == 16
    assert len(ran) == 4
    assert order.index(1) < order.index(2)
    with q.testing("inline"):
        assert await (await flow().enqueue()).result() == 16


async def test_steps_are_done_once(q: Queue) -> None:
    done: list[int] = []

    @q.job
    async def work() -> int:
        job = current_job()
        result: int = await job.step("first", once)
        if job.attempt < 3:
            raise ZeroDivisionError
        return result

    async def once() -> int:
        done.append(1)
        return len(done)

    with q.testing("inline", errors="keep"):
        assert await (await work().enqueue()).result() == 1
    assert done == [1]
