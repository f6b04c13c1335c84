"""What a store that keeps workflows promises, as tests to inherit beside StoreContract."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, cast

import pytest

from ._flows import Flows, Link
from ._process import introduce
from .abc import Ack, KeyedJob
from .testing import KIND, claim, done, new, step

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .abc import Claimed, Store, WorkerInfo
    from .testing import Clock

__all__ = ["FlowContract"]

META = '{"flow":{"name":"import","mark":"x","awaited":true}}'
A_CHAIN = [Link(1, 0), Link(2, 1)]


class FlowContract:
    """The promises of mizzen.queue.abc.Flows; needs the fixtures of StoreContract."""

    @pytest.fixture
    def flows(self, store: Store) -> Flows:
        assert isinstance(store, Flows)
        return cast("Flows", store)

    async def test_jobs_of_a_workflow_run_one_after_the_other(
        self, store: Store, flows: Flows, worker: WorkerInfo
    ) -> None:
        ids = await flows.insert_flow([member() for _ in range(3)], A_CHAIN)
        assert ids == sorted(set(ids))
        assert await store.stats(None, None) == {"queued": 1, "scheduled": 2}
        for number, id in enumerate(ids):
            (job,) = await free(store, worker, 1)
            assert job.id == id
            assert job.meta == META
            await step(store, worker, [done(job, f'"{number}"')])
        assert await store.stats(None, None) == {"done": 3}
        assert [parent.result for parent in await flows.parents(ids[2])] == ['"1"']

    async def test_a_waiting_job_is_scheduled_without_a_time(
        self, store: Store, flows: Flows, worker: WorkerInfo, clock: Clock
    ) -> None:
        _, second = await flows.insert_flow([member(), member()], [Link(1, 0)])
        record = await store.find(second)
        assert record is not None
        assert (record.status, record.run_at) == ("scheduled", None)
        await claim(store, worker)
        clock.advance(1e6)
        answer = await step(store, worker, want=5)
        assert (answer.claimed, answer.next_due) == ([], None)

    async def test_a_job_runs_when_the_last_of_its_parents_is_done(
        self, store: Store, flows: Flows, worker: WorkerInfo
    ) -> None:
        jobs = [member() for _ in range(51)]
        *_, last = await flows.insert_flow(jobs, [Link(50, number) for number in range(50)])
        other = introduce()
        await store.heartbeat(other)
        held = [(worker, job) for job in await claim(store, worker, 25)]
        held += [(other, job) for job in await claim(store, other, 25)]
        assert len(held) == 50
        for who, job in held[:-1]:
            assert (await step(store, who, [done(job)], 5)).claimed == []
        await step(store, other, [done(held[-1][1], "7")])
        (job,) = await free(store, worker, 1)
        assert job.id == last
        parents = await flows.parents(last)
        assert [parent.number for parent in parents] == list(range(50))
        assert parents[-1].result == "7"

    async def test_a_parent_frees_all_its_children(
        self, store: Store, flows: Flows, worker: WorkerInfo
    ) -> None:
        jobs = [member() for _ in range(1001)]
        ids = await flows.insert_flow(jobs, [Link(number, 0) for number in range(1, 1001)])
        (job,) = await claim(store, worker)
        await step(store, worker, [done(job)])
        children = await free(store, worker, 1000)
        assert [job.id for job in children] == ids[1:]

    async def test_a_thousand_parents_free_one_child(
        self, store: Store, flows: Flows, worker: WorkerInfo
    ) -> None:
        jobs = [member() for _ in range(1001)]
        ids = await flows.insert_flow(jobs, [Link(1000, number) for number in range(1000)])
        held = await claim(store, worker, 1000)
        for begin in range(0, 1000, 250):
            await step(store, worker, [done(job) for job in held[begin : begin + 250]])
        (child,) = await free(store, worker, 1)
        assert child.id == ids[1000]
        assert len(await flows.parents(child.id)) == 1000

    async def test_what_comes_after_a_dead_job_is_cancelled(
        self, store: Store, flows: Flows, worker: WorkerInfo
    ) -> None:
        first, second, third = await flows.insert_flow([member() for _ in range(3)], A_CHAIN)
        (job,) = await claim(store, worker)
        await step(store, worker, [dead(job)])
        assert await free(store, worker, 0) == []
        assert await store.stats(None, None) == {"dead": 1, "cancelled": 2}
        for id, parent, outcome in ((second, first, "dead"), (third, second, "cancelled")):
            record = await store.find(id)
            assert record is not None
            assert record.error == (
                f"Cancelled: job {parent} ({KIND}), which it waited for, is {outcome}"
            )

    async def test_a_long_chain_ends_with_its_first_job(
        self, store: Store, flows: Flows, worker: WorkerInfo
    ) -> None:
        links = [Link(number, number - 1) for number in range(1, 1200)]
        ids = await flows.insert_flow([member() for _ in range(1200)], links)
        assert await store.cancel(ids[0]) == "queued"
        await free(store, worker, 0)
        assert await store.stats(None, None) == {"cancelled": 1200}
        assert await store.retry(ids[0])
        assert await store.stats(None, None) == {"queued": 1, "scheduled": 1199}

    async def test_a_job_may_run_whatever_became_of_its_parents(
        self, store: Store, flows: Flows, worker: WorkerInfo
    ) -> None:
        links = [Link(2, 0, anyway=True), Link(2, 1, anyway=True)]
        _, second, last = await flows.insert_flow([member() for _ in range(3)], links)
        (job,) = await claim(store, worker, 1)
        await step(store, worker, [dead(job)])
        assert await store.cancel(second) == "queued"
        (job,) = await free(store, worker, 1)
        assert job.id == last
        parents = await flows.parents(last)
        assert [parent.status for parent in parents] == ["dead", "cancelled"]

    async def test_a_retried_job_brings_back_what_its_death_cancelled(
        self, store: Store, flows: Flows, worker: WorkerInfo
    ) -> None:
        first, second, third = await flows.insert_flow([member() for _ in range(3)], A_CHAIN)
        (job,) = await claim(store, worker)
        await step(store, worker, [dead(job)])
        await free(store, worker, 0)
        assert await store.retry(first)
        assert await store.stats(None, None) == {"queued": 1, "scheduled": 2}
        for id in (first, second, third):
            (job,) = await free(store, worker, 1)
            assert job.id == id
            await step(store, worker, [done(job)])

    async def test_a_job_of_two_dead_parents_comes_back_when_both_are_retried(
        self, store: Store, flows: Flows, worker: WorkerInfo
    ) -> None:
        for order in ((0, 1), (1, 0)):
            ids = await flows.insert_flow([member() for _ in range(3)], [Link(2, 0), Link(2, 1)])
            jobs = await claim(store, worker, 2)
            await step(store, worker, [dead(jobs[0])])
            await step(store, worker, [dead(jobs[1])])
            await free(store, worker, 0)
            for number in order:
                assert await store.retry(ids[number])
                (job,) = await free(store, worker, 1)
                assert job.id == ids[number]
                await step(store, worker, [done(job)])
            (job,) = await free(store, worker, 1)
            assert job.id == ids[2]
            await step(store, worker, [done(job)])

    async def test_a_cancelled_child_comes_back_only_to_wait(
        self, store: Store, flows: Flows, worker: WorkerInfo
    ) -> None:
        _, second = await flows.insert_flow([member(), member()], [Link(1, 0)])
        assert await store.cancel(second) == "scheduled"
        assert await store.stats(None, None) == {"queued": 1, "cancelled": 1}
        assert await store.retry(second)
        assert await store.stats(None, None) == {"queued": 1, "scheduled": 1}
        (job,) = await claim(store, worker)
        await step(store, worker, [done(job)])
        (job,) = await free(store, worker, 1)
        assert job.id == second
        await step(store, worker, [dead(job)])
        assert await store.retry(second)
        (job,) = await free(store, worker, 1)
        assert job.id == second

    async def test_a_child_of_a_dead_job_is_not_retried_by_itself(
        self, store: Store, flows: Flows, worker: WorkerInfo
    ) -> None:
        _, second = await flows.insert_flow([member(), member()], [Link(1, 0)])
        (job,) = await claim(store, worker)
        await step(store, worker, [dead(job)])
        await free(store, worker, 0)
        await store.retry(second)
        assert await free(store, worker, 0) == []
        assert await store.stats(None, None) == {"dead": 1, "cancelled": 1}

    async def test_the_death_of_a_worker_is_told_to_children_too(
        self, store: Store, flows: Flows, worker: WorkerInfo
    ) -> None:
        jobs = [member(max_attempts=1), member()]
        await flows.insert_flow(jobs, [Link(1, 0)])
        (job,) = await claim(store, worker)
        assert await store.charge(job)
        await store.rescue(15, lambda _: False)
        other = introduce()
        await store.heartbeat(other)
        assert await free(store, other, 0) == []
        assert await store.stats(None, None) == {"dead": 1, "cancelled": 1}

    async def test_history_keeps_what_waiting_jobs_need(
        self, store: Store, flows: Flows, worker: WorkerInfo, clock: Clock
    ) -> None:
        first, second = await flows.insert_flow([member(), member()], [Link(1, 0)])
        (job,) = await claim(store, worker)
        await step(store, worker, [done(job, "42")])
        await store.prune(clock() + 1e6, 0)
        (job,) = await free(store, worker, 1)
        assert [parent.result for parent in await flows.parents(second)] == ["42"]
        await step(store, worker, [done(job)])
        await store.prune(clock() + 1e6, 0)
        assert await store.stats(None, None) == {}
        assert await flows.flow(first) == []

    async def test_a_workflow_is_told_job_by_job(
        self, store: Store, flows: Flows, worker: WorkerInfo
    ) -> None:
        links = [Link(1, 0), Link(2, 0), Link(3, 1), Link(3, 2)]
        ids = await flows.insert_flow([member() for _ in range(4)], links)
        await flows.insert_flow([member()], [])
        (job, _) = await claim(store, worker, 2)
        await step(store, worker, [done(job)])
        await free(store, worker, 2)
        jobs = await flows.flow(ids[0])
        assert [job.id for job in jobs] == ids
        assert [job.number for job in jobs] == [0, 1, 2, 3]
        assert [job.after for job in jobs] == [[], [0], [0], [1, 2]]
        assert [job.status for job in jobs] == ["done", "running", "running", "scheduled"]
        assert jobs[0].meta == META
        assert await flows.flow(987654321) == []


def member(max_attempts: int = 5) -> KeyedJob:
    """A job of a workflow."""
    job = new(limit_key=None, meta=META, max_attempts=max_attempts)
    assert isinstance(job, KeyedJob)
    return job


def dead(job: Claimed) -> Ack:
    """The ack of a last failure."""
    return Ack(job.id, job.token, "dead", 5, error="no", finished_at=time.time())


async def free(store: Store, worker: WorkerInfo, count: int) -> Sequence[Claimed]:
    """What can be claimed when everybody has heard of what ended: *count* jobs, or more."""
    claimed: list[Claimed] = []
    for _ in range(4):
        claimed += await claim(store, worker, count + 1 - len(claimed))
        if count and len(claimed) >= count:
            break
    return claimed
