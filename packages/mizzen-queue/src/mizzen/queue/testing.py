"""What every store promises, as tests to inherit; and doubles for tests of your own.

Subclass StoreContract, and provide a `store` fixture: a started, empty store that goes by `clock`.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import pytest

from ._assertions import assert_enqueued, assert_not_enqueued
from ._clock import Clock, FrozenClock
from ._process import introduce
from .abc import OPEN, Ack, Claimed, Gate, KeyedJob, NewJob, Step, Store, WorkerInfo

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

__all__ = ["Clock", "FrozenClock", "StoreContract", "assert_enqueued", "assert_not_enqueued"]

KIND = "send"


class StoreContract:
    """The promises of mizzen.queue.abc.Store."""

    @pytest.fixture
    async def store(self, clock: Clock) -> Store:
        """Return a started, empty store that goes by *clock*."""
        raise NotImplementedError

    @pytest.fixture
    def clock(self) -> Clock:
        return Clock()

    @pytest.fixture
    async def worker(self, store: Store) -> WorkerInfo:
        worker = introduce()
        await store.heartbeat(worker)
        return worker

    async def test_ids_ascend_in_the_order_of_the_jobs(self, store: Store) -> None:
        ids = (await store.insert([new(args=f'{{"n":{n}}}') for n in range(300)])).ids
        assert ids == sorted(set(ids))
        for n, id in enumerate(ids):
            record = await store.find(id)
            assert record is not None
            assert record.args == f'{{"n":{n}}}'

    async def test_inserts_at_once_each_get_their_own_ids(self, store: Store) -> None:
        """Also when they share a commit."""
        wanted = [[f"[{n}, {m}]" for m in range(n % 3 + 1)] for n in range(40)]
        answers = await asyncio.gather(
            *(store.insert([new(args=args) for args in each]) for each in wanted)
        )
        for each, inserted in zip(wanted, answers, strict=True):
            assert inserted.ids == sorted(inserted.ids)
            records = [await store.find(id) for id in inserted.ids]
            assert [record and record.args for record in records] == each

    async def test_ids_never_come_back(self, store: Store, worker: WorkerInfo) -> None:
        (first,) = (await store.insert([new()])).ids
        (job,) = await claim(store, worker)
        await step(store, worker, [done(job)])
        await store.prune(time.time() + 1e6, 0)
        (second,) = (await store.insert([new()])).ids
        assert second > first

    async def test_a_job_is_claimed_once(self, store: Store, worker: WorkerInfo) -> None:
        await store.insert([new(), new()])
        other = introduce()
        await store.heartbeat(other)
        first, second = await claim(store, worker, 1), await claim(store, other, 5)
        assert len(first) == len(second) == 1
        assert first[0].id != second[0].id
        assert await claim(store, worker) == []

    async def test_claims_go_by_priority_then_by_age(
        self, store: Store, worker: WorkerInfo
    ) -> None:
        low, high, also = (await store.insert([new(), new(priority=5), new(kind="other")])).ids
        claimed = await claim(store, worker, kinds=(KIND, "other"))
        assert [job.id for job in claimed] == [high, low, also]

    async def test_only_known_kinds_and_wanted_queues_are_claimed(
        self, store: Store, worker: WorkerInfo
    ) -> None:
        await store.insert([new(kind="unknown"), new(queue="slow")])
        (mine,) = (await store.insert([new()])).ids
        assert [job.id for job in await claim(store, worker, queues=["default"])] == [mine]
        assert await store.stats(None, "unknown") == {"queued": 1}

    async def test_a_delayed_job_waits_for_its_time(
        self, store: Store, worker: WorkerInfo, clock: Clock
    ) -> None:
        (id,) = (await store.insert([new(delay=60)])).ids
        early = await step(store, worker, want=5)
        assert early.claimed == []
        assert early.next_due == pytest.approx(clock() + 60, abs=5)
        record = await store.find(id)
        assert record is not None
        assert record.status == "scheduled"
        clock.advance(61)
        assert [job.id for job in await claim(store, worker)] == [id]

    async def test_a_done_job_is_history(self, store: Store, worker: WorkerInfo) -> None:
        (id,) = (await store.insert([new()])).ids
        (job,) = await claim(store, worker)
        assert (await step(store, worker, [done(job, result="42")])).refused == set()
        record = await store.find(id)
        assert record is not None
        assert (record.status, record.result, record.attempt) == ("done", "42", 1)
        assert await store.stats(None, None) == {"done": 1}

    async def test_an_ack_under_another_token_is_refused(
        self, store: Store, worker: WorkerInfo
    ) -> None:
        await store.insert([new(), new()])
        job, other = await claim(store, worker)
        stale = done(job)
        stale.token += 1
        answer = await step(store, worker, [stale, done(other)])
        assert answer.refused == {job.id}
        assert await store.stats(None, None) == {"running": 1, "done": 1}
        again = Ack(job.id, stale.token, "retry", 1, run_at=1.0)
        assert (await step(store, worker, [again])).refused == {job.id}

    async def test_an_ack_counts_once(self, store: Store, worker: WorkerInfo) -> None:
        await store.insert([new()])
        (job,) = await claim(store, worker)
        await step(store, worker, [done(job)])
        assert (await step(store, worker, [done(job)])).refused == {job.id}

    async def test_a_failed_job_comes_back_after_its_pause(
        self, store: Store, worker: WorkerInfo, clock: Clock
    ) -> None:
        await store.insert([new()])
        (job,) = await claim(store, worker)
        failed = Ack(job.id, job.token, "retry", 1, error="no", run_at=clock() + 30)
        assert (await step(store, worker, [failed])).refused == set()
        assert await claim(store, worker) == []
        clock.advance(31)
        (again,) = await claim(store, worker)
        assert (again.id, again.attempt) == (job.id, 1)

    async def test_a_dead_job_can_be_retried(self, store: Store, worker: WorkerInfo) -> None:
        (id,) = (await store.insert([new()])).ids
        (job,) = await claim(store, worker)
        dead = Ack(id, job.token, "dead", 5, error="no", finished_at=time.time())
        await step(store, worker, [dead])
        assert await store.stats(None, None) == {"dead": 1}
        assert await store.retry(id)
        assert not await store.retry(id)
        (again,) = await claim(store, worker)
        assert (again.id, again.attempt) == (id, 0)

    async def test_a_cancelled_job_ends_unless_it_runs(
        self, store: Store, worker: WorkerInfo
    ) -> None:
        running, *_ = (await store.insert([new(priority=1)])).ids
        queued, later = (await store.insert([new(), new(delay=60)])).ids
        (held,) = await claim(store, worker, 1)
        assert await store.cancel(queued) == "queued"
        assert await store.cancel(later) == "scheduled"
        assert await store.cancel(later) is None
        assert await claim(store, worker) == []
        assert await store.cancelling(worker.id) == []
        assert await store.cancel(running) == "running"
        assert await store.cancelling(worker.id) == [running]
        assert await store.stats(None, None) == {"running": 1, "cancelled": 2}
        stopped = Ack(running, held.token, "cancelled", 1, error="stopped", finished_at=time.time())
        assert (await step(store, worker, [stopped])).refused == set()
        assert await store.stats(None, None) == {"cancelled": 3}
        assert await store.cancelling(worker.id) == []

    async def test_a_job_to_be_cancelled_is_not_tried_again(
        self, store: Store, worker: WorkerInfo, clock: Clock
    ) -> None:
        (id,) = (await store.insert([new()])).ids
        (job,) = await claim(store, worker)
        await store.cancel(id)
        await step(store, worker, [Ack(id, job.token, "retry", 1, run_at=clock() + 60)])
        await store.rescue(15, lambda _: True)
        assert await store.stats(None, None) == {"cancelled": 1}

    async def test_a_paused_queue_is_left_alone(self, store: Store, worker: WorkerInfo) -> None:
        await store.insert([new(), new(limit_key="k"), new(queue="other")])
        await store.pause("default", True)
        await store.pause("default", True)
        assert await store.paused() == ["default"]
        assert [job.queue for job in await claim(store, worker)] == ["other"]
        await store.pause("default", False)
        assert await store.paused() == []
        assert len(await claim(store, worker)) == 2

    async def test_progress_is_kept_of_running_jobs_only(
        self, store: Store, worker: WorkerInfo
    ) -> None:
        first, second = (await store.insert([new(), new()])).ids
        held = await claim(store, worker, 1)
        told = [(first, held[0].token, '{"done":1}'), (second, 7, '{"done":2}')]
        await store.report(told)
        one, two = await store.find(first), await store.find(second)
        assert one is not None
        assert two is not None
        assert (one.progress, two.progress) == ('{"done":1}', None)
        await step(store, worker, [done(held[0])])
        ended = await store.find(first)
        assert ended is not None
        assert ended.progress == '{"done":1}'

    async def test_one_unique_job_waits_or_runs(self, store: Store, worker: WorkerInfo) -> None:
        one = new(unique_key="a")
        (id,) = (await store.insert([one])).ids
        again = await store.insert([new(), one, new(unique_key="b"), new()])
        assert again.ids[1] == id
        assert again.found == {id}
        assert len(set(again.ids)) == 4
        assert again.ids[0] < again.ids[3]
        job = next(job for job in await claim(store, worker) if job.id == id)
        assert (await store.insert([one])).found == {id}
        await step(store, worker, [done(job)])
        after = await store.insert([one])
        assert after.found == set()
        assert after.ids != [id]

    async def test_a_unique_job_may_count_until_it_starts(
        self, store: Store, worker: WorkerInfo
    ) -> None:
        one = new(unique_key="a", unique_until_start=True)
        (id,) = (await store.insert([one])).ids
        assert (await store.insert([one])).ids == [id]
        await claim(store, worker)
        assert (await store.insert([one])).found == set()

    async def test_a_unique_job_may_count_for_a_while(
        self, store: Store, worker: WorkerInfo, clock: Clock
    ) -> None:
        one = new(unique_key="a", unique_for=60.0, created_at=clock())
        (id,) = (await store.insert([one])).ids
        (job,) = await claim(store, worker)
        await step(store, worker, [done(job)])
        await store.prune(clock() + 1, 0)
        again = await store.insert([new(), one])
        assert again.ids[1] == id
        assert again.found == {id}
        clock.advance(61)
        one = new(unique_key="a", unique_for=60.0, created_at=clock())
        later = await store.insert([one])
        assert later.found == set()
        await store.cancel(later.ids[0])
        assert (await store.insert([one])).found == set()

    async def test_a_dead_job_comes_back_only_if_no_other_took_its_place(
        self, store: Store, worker: WorkerInfo
    ) -> None:
        one = new(unique_key="a")
        (id,) = (await store.insert([one])).ids
        (job,) = await claim(store, worker)
        await step(store, worker, [Ack(id, job.token, "dead", 1, finished_at=time.time())])
        (other,) = (await store.insert([one])).ids
        assert not await store.retry(id)
        await store.cancel(other)
        assert await store.retry(id)
        assert (await store.insert([one])).ids == [id]

    async def test_at_most_so_many_run_at_once(self, store: Store, worker: WorkerInfo) -> None:
        gate = Gate(running=2)
        await store.insert([new(limit_key="k") for _ in range(5)] + [new(limit_key="other")])
        other = introduce()
        await store.heartbeat(other)
        first = await claim(store, worker, gate=gate)
        assert sorted(job.id for job in first) == [job.id for job in first]
        assert len(first) == 3
        assert await claim(store, other, gate=gate) == []
        limited = [job for job in first if job.id != first[-1].id]
        freed = await store.step(worker.id, [done(limited[0])], 10, {KIND: gate}, None, 10)
        assert len(freed.claimed) == 1
        await store.leave(worker.id)
        assert len(await claim(store, other, gate=gate)) == 3

    async def test_at_most_so_many_start_in_a_while(
        self, store: Store, worker: WorkerInfo, clock: Clock
    ) -> None:
        gate = Gate(starts=3, seconds=10.0)
        await store.insert([new(rate_key="k") for _ in range(10)])
        assert len(await claim(store, worker, 2, gate=gate)) == 2
        clock.advance(5)
        later = await store.step(worker.id, [], 10, {KIND: gate}, None, 10)
        assert len(later.claimed) == 1
        assert later.next_due == pytest.approx(clock() + 5, abs=2)
        clock.advance(5.5)
        assert len(await claim(store, worker, gate=gate)) == 2
        clock.advance(60)
        assert len(await claim(store, worker, gate=gate)) == 3

    async def test_a_flood_of_one_tenant_does_not_hold_up_the_others(
        self, store: Store, worker: WorkerInfo
    ) -> None:
        flood = await store.insert([new(fair_key="big") for _ in range(1000)])
        small = await store.insert([new(fair_key="small"), new(fair_key="tiny"), new()])
        claimed = [job.id for job in await claim(store, worker, 6, room=6)]
        assert set(small.ids) < set(claimed)
        assert len(set(claimed) & set(flood.ids)) == 3
        urgent = await store.insert([new(fair_key="big", priority=1)])
        assert [job.id for job in await claim(store, worker, 1, room=1)] == urgent.ids

    async def test_limited_jobs_are_claimed_only_to_start_at_once(
        self, store: Store, worker: WorkerInfo
    ) -> None:
        gate = Gate(running=100)
        limited = await store.insert([new(limit_key="a") for _ in range(9)])
        await store.insert([new() for _ in range(9)])
        first = await store.step(worker.id, [], 20, {KIND: gate}, None, 4)
        assert first.crowded
        assert len({job.id for job in first.claimed} & set(limited.ids)) <= 4
        none = await store.step(worker.id, [], 20, {KIND: gate}, None, 0)
        assert none.claimed == []
        assert none.crowded
        rest = await store.step(worker.id, [], 20, {KIND: gate}, None, 20)
        assert len(rest.claimed) == 18 - len(first.claimed)
        assert not rest.crowded

    async def test_of_very_many_lines_each_has_its_turn(
        self, store: Store, worker: WorkerInfo
    ) -> None:
        await store.insert([new(limit_key=f"{n:04}") for n in range(700)])
        held: set[int] = set()
        for _ in range(20):
            claimed = await claim(store, worker, 50, gate=Gate(running=1), room=50)
            held |= {job.id for job in claimed}
        assert len(held) == 700

    async def test_released_jobs_are_uncharged(self, store: Store, worker: WorkerInfo) -> None:
        await store.insert([new()])
        (job,) = await claim(store, worker)
        assert await store.charge(job)
        await step(store, worker, [Ack(job.id, job.token, "release")])
        (again,) = await claim(store, worker)
        assert again.attempt == 0
        assert not await store.charge(job)

    async def test_a_worker_that_leaves_gives_everything_back(
        self, store: Store, worker: WorkerInfo
    ) -> None:
        await store.insert([new(), new()])
        await claim(store, worker)
        await store.leave(worker.id)
        assert await store.stats(None, None) == {"queued": 2}
        assert await claim(store, worker) == []  # not without a heartbeat

    async def test_what_a_lost_answer_claimed_is_given_back(
        self, store: Store, worker: WorkerInfo
    ) -> None:
        await store.insert([new(), new(), new()])
        known, *_ = await claim(store, worker)
        assert await store.disown(worker.id, [known.id]) == 2
        assert len(await claim(store, worker)) == 2

    async def test_jobs_of_a_dead_worker_are_suspects(
        self, store: Store, worker: WorkerInfo
    ) -> None:
        await store.insert([new(), new()])
        held = await claim(store, worker)
        assert await store.rescue(15, lambda _: True) == 0
        assert await store.rescue(15, lambda _: False) == 2
        other = introduce()
        await store.heartbeat(other)
        again = await claim(store, other)
        assert [(job.suspect, job.attempt) for job in again] == [(True, 0), (True, 0)]
        assert (await step(store, worker, [done(job) for job in held])).refused == {
            job.id for job in held
        }

    async def test_jobs_of_a_silent_worker_are_rescued_after_its_lease(
        self, store: Store, worker: WorkerInfo, clock: Clock
    ) -> None:
        await store.insert([new()])
        await claim(store, worker)
        clock.advance(14)
        assert await store.rescue(15, lambda _: True) == 0
        await store.heartbeat(worker)
        clock.advance(14)
        assert await store.rescue(15, lambda _: True) == 0
        clock.advance(2)
        assert await store.rescue(15, lambda _: True) == 1

    async def test_the_job_that_kills_its_workers_is_dead_in_the_end(
        self, store: Store, clock: Clock
    ) -> None:
        (id, beside) = (await store.insert([new(max_attempts=2), new(max_attempts=2)])).ids
        for _ in range(2):
            worker = introduce()
            await store.heartbeat(worker)
            poison = next(job for job in await claim(store, worker) if job.id == id)
            assert await store.charge(poison)
            await store.rescue(15, lambda _: False)
            clock.advance(60)
        poison_record, neighbour = await store.find(id), await store.find(beside)
        assert poison_record is not None
        assert neighbour is not None
        assert (poison_record.status, poison_record.attempt) == ("dead", 2)
        assert "WorkerDied" in (poison_record.error or "")
        assert (neighbour.status, neighbour.attempt) == ("queued", 0)

    async def test_history_is_bounded_in_number_and_in_age(
        self, store: Store, worker: WorkerInfo, clock: Clock
    ) -> None:
        ids = (await store.insert([new() for _ in range(10)])).ids
        claimed = await claim(store, worker, 10)
        dead = Ack(claimed[0].id, claimed[0].token, "dead", 1, error="no", finished_at=clock())
        await step(store, worker, [dead, *(done(job) for job in claimed[1:])])
        assert await store.prune(clock() - 60, 3) == 6
        kept = [id for id in ids if await store.find(id)]
        assert kept == [ids[0], *ids[-3:]]
        assert await store.prune(clock() + 60, 3) == 4
        assert await store.stats(None, None) == {}

    async def test_counts_by_queue_and_kind(self, store: Store) -> None:
        await store.insert([new(), new(queue="mail"), new(kind="other"), new(delay=9)])
        assert await store.stats("mail", None) == {"queued": 1}
        assert await store.stats(None, KIND) == {"queued": 2, "scheduled": 1}
        assert await store.stats("mail", "other") == {}

    async def test_arguments_of_any_size_and_text_come_back(
        self, store: Store, worker: WorkerInfo
    ) -> None:
        text = '{"x":"' + "\\u0000 % ' \\\" é 😀 $1 :jobs {jobs} " * 40_000 + '"}'
        await store.insert([new(args=text)])
        (job,) = await claim(store, worker)
        assert job.args == text

    async def test_an_insert_rings_the_doorbell(self, store: Store) -> None:
        seen = await store.wait(-1, 0)
        await store.insert([new()])
        assert await store.wait(seen, 5) != seen

    async def test_waiting_ends_without_a_ring(self, store: Store) -> None:
        seen = await store.wait(-1, 0)
        while (heard := await store.wait(seen, 0.06)) != seen:
            seen = heard  # a late ring of the start
        assert heard == seen

    async def test_unknown_ids_are_answered(self, store: Store) -> None:
        assert await store.find(987654321) is None
        assert not await store.cancel(987654321)
        assert not await store.retry(987654321)


def new(kind: str = KIND, delay: float = 0, **changes: Any) -> NewJob:
    """A job for the tests."""
    now = time.time()
    values: dict[str, Any] = {
        "queue": "default",
        "priority": 0,
        "args": "{}",
        "max_attempts": 5,
        "run_at": now + delay if delay else 0.0,
        "created_at": now,
    }
    keyed = any(name.endswith("_key") for name in changes)
    return (KeyedJob if keyed else NewJob)(kind=kind, **values | changes)


def done(job: Claimed, result: str = "null") -> Ack:
    """The ack of a success."""
    now = time.time()
    return Ack(job.id, job.token, "done", job.attempt + 1, result, None, 0.0, now, now)


async def step(store: Store, worker: WorkerInfo, acks: Sequence[Ack] = (), want: int = 0) -> Step:
    """One step that knows the tests' kind."""
    return await store.step(worker.id, acks, want, {KIND: OPEN}, None)


async def claim(
    store: Store,
    worker: WorkerInfo,
    want: int = 10,
    kinds: Collection[str] = (KIND,),
    queues: Collection[str] | None = None,
    *,
    gate: Gate = OPEN,
    room: int = 10,
) -> list[Claimed]:
    """Jobs that *worker* holds from now on."""
    gates = dict.fromkeys(kinds, gate)
    return (await store.step(worker.id, [], want, gates, queues, room)).claimed
