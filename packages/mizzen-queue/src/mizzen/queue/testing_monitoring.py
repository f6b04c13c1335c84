"""What a store that can be watched promises, as tests to inherit beside StoreContract."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, cast

import pytest

from ._monitored import Filter, Monitored, Tally
from .abc import Ack, Record
from .testing import KIND, claim, done, new, step

if TYPE_CHECKING:
    from .abc import Status, Store, WorkerInfo
    from .testing import Clock

__all__ = ["MonitoringContract"]

ALL = Filter()


class MonitoringContract:
    """The promises of mizzen.queue.abc.Monitored; needs the fixtures of StoreContract."""

    @pytest.fixture
    def seen(self, store: Store) -> Monitored:
        assert isinstance(store, Monitored)
        return cast("Monitored", store)

    async def test_jobs_are_listed_newest_first_wherever_they_are(
        self, store: Store, seen: Monitored, worker: WorkerInfo
    ) -> None:
        ids = (await store.insert([new(priority=9 - n) for n in range(7)])).ids
        first, second, third, fourth, _ = await claim(store, worker, 5)
        dead = Ack(second.id, second.token, "dead", 1, error="no\n" + "x" * 900, finished_at=1.0)
        retry = Ack(third.id, third.token, "retry", 1, run_at=time.time() + 60)
        await step(store, worker, [done(first, '"fine"'), dead, retry, done(fourth)])
        await store.cancel(ids[6])
        expected = ["cancelled", "queued", "running", "done", "scheduled", "dead", "done"]
        listed = await seen.list(ALL, 50, None, False)
        assert [record.id for record in listed] == ids[::-1]
        assert [record.status for record in listed] == expected
        assert [_facts(record) for record in listed] == [
            _facts(await store.find(id)) for id in ids[::-1]
        ]
        assert listed[-1].result == '"fine"'
        for status in set(expected):
            some = await seen.list(Filter(cast("Status", status)), 50, None, False)
            assert some == [record for record in listed if record.status == status]

    async def test_pages_go_on_where_the_last_one_ended(
        self, store: Store, seen: Monitored, worker: WorkerInfo
    ) -> None:
        ids = (await store.insert([new() for _ in range(9)])).ids
        await step(store, worker, [done(job) for job in await claim(store, worker, 4)])
        pages: list[int] = []
        before = None
        while page := await seen.list(ALL, 2, before, False):
            pages += [record.id for record in page]
            before = page[-1].id
            await store.insert([new()])  # what is newer doesn't move the pages
        assert pages == ids[::-1]

    async def test_lists_are_filtered_by_queue_and_kind(
        self, store: Store, seen: Monitored
    ) -> None:
        ids = (await store.insert([new(), new(queue="mail"), new(kind="o'ther %s", queue="x")])).ids
        assert [job.id for job in await seen.list(Filter(queue="mail"), 9, None, True)] == [ids[1]]
        odd = Filter("queued", "x", "o'ther %s")
        assert [job.id for job in await seen.list(odd, 9, None, True)] == [ids[2]]
        assert await seen.list(Filter(queue=""), 9, None, True) == []

    async def test_brief_lists_leave_out_what_may_be_large(
        self, store: Store, seen: Monitored, worker: WorkerInfo
    ) -> None:
        long = "x" * 10_000
        await store.insert([new(args=f'{{"x":"{long}"}}') for _ in range(2)])
        first, second = await claim(store, worker)
        dead = Ack(second.id, second.token, "dead", 1, error=f"no\n{long}", finished_at=1.0)
        await step(store, worker, [done(first, f'"{long}"'), dead])
        for record in await seen.list(ALL, 9, None, True):
            assert (record.args, record.result) == ("{}", None)
            assert len(record.error or "") <= 300
        (short,) = await seen.list(Filter("dead"), 9, None, True)
        assert (short.error or "").startswith("no\nx")
        full = await store.find(first.id)
        assert full is not None
        assert long in full.args

    async def test_the_tally_counts_everything_at_once(
        self, store: Store, seen: Monitored, worker: WorkerInfo
    ) -> None:
        await store.insert([new(created_at=5.0), new(created_at=9.0)])
        await store.insert([new(queue="mail"), new(delay=60), new(limit_key="a", created_at=7.0)])
        (job,) = await claim(store, worker, 1, queues=["mail"])
        await step(store, worker, [done(job)])
        await claim(store, worker, 1)
        tally = await seen.tally()
        assert sorted(tally, key=lambda each: (each.queue, each.status)) == [
            Tally("default", KIND, "queued", 2, 9.0),
            Tally("default", KIND, "running", 1),
            Tally("default", KIND, "scheduled", 1),
            Tally("mail", KIND, "done", 1),
        ]

    async def test_what_ended_is_counted_by_the_minute(
        self, store: Store, seen: Monitored, worker: WorkerInfo
    ) -> None:
        await store.insert([new(queue=queue) for queue in "aabc"])
        minutes = [100.0, 101.5, 101.9, 103.0]
        acks = [
            Ack(job.id, job.token, "done", 1, "1", finished_at=minute * 60)
            for job, minute in zip(await claim(store, worker), minutes, strict=True)
        ]
        acks[2].outcome = "dead"
        await step(store, worker, acks)
        ended = await seen.ended(101, 200)
        assert sorted(ended) == [(101, "dead", 1), (101, "done", 1), (103, "done", 1)]
        assert list(await seen.ended(98, 100)) == [(100, "done", 1)]
        assert list(await seen.ended(104, 120)) == []

    async def test_workers_are_on_record_with_what_they_hold(
        self, store: Store, seen: Monitored, worker: WorkerInfo, clock: Clock
    ) -> None:
        await store.insert([new(), new(), new()])
        await claim(store, worker, 2)
        (found,) = await seen.on_record()
        assert (found.id, found.host, found.pid) == (worker.id, worker.host, worker.pid)
        assert found.held == 2
        assert found.beat_at == pytest.approx(clock(), abs=5)
        await store.leave(worker.id)
        assert await seen.on_record() == []

    async def test_many_jobs_are_cancelled_at_once(
        self, store: Store, seen: Monitored, worker: WorkerInfo
    ) -> None:
        ids = (await store.insert([new(priority=1), new(), new(delay=60), new(priority=2)])).ids
        ended, _ = await claim(store, worker, 2)
        await step(store, worker, [done(ended)])
        assert await seen.cancel_many([*ids, 987654321]) == {
            ids[0]: "running",
            ids[1]: "queued",
            ids[2]: "scheduled",
        }
        assert await store.stats(None, None) == {"running": 1, "cancelled": 2, "done": 1}
        assert await store.cancelling(worker.id) == [ids[0]]

    async def test_many_jobs_are_retried_at_once_but_unique_ones_once(
        self, store: Store, seen: Monitored, worker: WorkerInfo
    ) -> None:
        ids: list[int] = []
        for _ in range(3):
            ids += (await store.insert([new(unique_key="a")])).ids
            (job,) = await claim(store, worker)
            await step(store, worker, [Ack(job.id, job.token, "dead", 1, finished_at=time.time())])
        ids += (await store.insert([new(), new()])).ids
        await store.cancel(ids[-1])
        assert await seen.retry_many(ids) == 2
        assert await store.stats(None, None) == {"queued": 3, "dead": 2}
        again = await claim(store, worker)
        assert [job.attempt for job in again] == [0, 0, 0]

    async def test_only_ended_jobs_are_deleted(
        self, store: Store, seen: Monitored, worker: WorkerInfo
    ) -> None:
        ids = (await store.insert([new() for _ in range(5)])).ids
        await step(store, worker, [done(job) for job in await claim(store, worker, 2)])
        await claim(store, worker, 1)
        await store.cancel(ids[4])
        assert await seen.delete([*ids, 987654321], "done") == 2
        assert await store.stats(None, None) == {"running": 1, "queued": 1, "cancelled": 1}
        assert await seen.delete(ids, None) == 1
        assert await store.find(ids[4]) is None
        assert await seen.delete(ids, None) == 0

    async def test_memos_go_with_a_deleted_job(
        self, store: Store, seen: Monitored, worker: WorkerInfo
    ) -> None:
        await store.insert([new(), new()])
        job, other = await claim(store, worker)
        for one in (job, other):
            await store.keep_memo(one.id, one.token, "a", "1")
        await step(store, worker, [done(job)])
        assert await seen.delete([job.id, other.id], None) == 1
        assert await store.memos(job.id) == {}
        assert await store.memos(other.id) == {"a": "1"}


def _facts(record: Record | None) -> list[object]:
    # A store may keep more of a job than a record tells.
    return [getattr(record, name) for name in Record.__struct_fields__]
