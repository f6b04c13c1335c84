"""What a store that keeps schedules promises, as tests to inherit beside StoreContract."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from ._scheduled import Planned, Scheduled
from .testing import claim, done, new, step

if TYPE_CHECKING:
    from .abc import Store, WorkerInfo
    from .testing import Clock

__all__ = ["ScheduleContract"]

AT = 1_790_000_000.0


class ScheduleContract:
    """The promises of Scheduled; needs the fixtures of StoreContract."""

    @pytest.fixture
    def kept(self, store: Store) -> Scheduled:
        assert isinstance(store, Scheduled)
        return store

    async def test_a_schedule_counts_from_when_it_was_put_on_record(
        self, kept: Scheduled, clock: Clock
    ) -> None:
        (first,) = await kept.plan({"a": "1"})
        assert first == Planned("a", first.since)
        assert first.since == pytest.approx(clock(), abs=5)
        clock.advance(60)
        assert list(await kept.plan({"a": "1"})) == [first]
        again = {row.name: row for row in await kept.plan({"a": "2", "b": "1"})}
        assert again["a"].since == pytest.approx(first.since + 60, abs=5)
        assert sorted(row.name for row in await kept.planned()) == ["a", "b"]

    async def test_a_time_is_fired_once_with_its_job(
        self, store: Store, kept: Scheduled, worker: WorkerInfo
    ) -> None:
        await kept.plan({"a": "1", "b": "1"})
        fired = [await kept.fire("a", at, new()) for at in (AT, AT + 0.5, AT)]
        assert [one is None for one in fired] == [False, False, True]
        assert await kept.fire("b", AT, new()) is not None
        claimed = await claim(store, worker)
        assert len(claimed) == 3
        last = next(row for row in await kept.planned() if row.name == "a")
        assert (last.last_at, last.last_job) == (AT + 0.5, claimed[1].id)
        await step(store, worker, [done(job) for job in claimed])
        await store.prune(AT * 2, 0)
        assert await kept.fire("a", AT, new()) is None

    async def test_of_many_who_fire_one_does(self, store: Store, kept: Scheduled) -> None:
        await kept.plan({"a": "1"})
        fired = await asyncio.gather(
            *(kept.fire("a", AT + n % 5, new()) for n in range(50)),
            *(kept.plan({"a": "1", "b": f"{n}"}) for n in range(3)),
        )
        assert sum(one is not None for one in fired[:50]) == 5
        assert await store.stats(None, None) == {"queued": 5}

    async def test_what_is_unknown_or_paused_is_not_fired(
        self, store: Store, kept: Scheduled, clock: Clock
    ) -> None:
        assert await kept.fire("a", AT, new()) is None
        assert not await kept.hold("a", True)
        await kept.plan({"a": "1"})
        assert await kept.hold("a", True)
        assert await kept.fire("a", AT, new()) is None
        (before,) = await kept.plan({"a": "1"})
        assert before.paused
        clock.advance(60)
        assert await kept.hold("a", True)
        assert list(await kept.planned()) == [before]
        assert await kept.hold("a", False)
        (after,) = await kept.planned()
        assert not after.paused
        assert after.since == pytest.approx(before.since + 60, abs=5)
        assert await kept.hold("a", False)
        assert list(await kept.planned()) == [after]
        assert await store.stats(None, None) == {}
        assert await kept.fire("a", AT, new()) is not None

    async def test_a_unique_job_that_waits_is_the_job_of_the_next_time_too(
        self, store: Store, kept: Scheduled
    ) -> None:
        await kept.plan({"a": "1"})
        one = new(unique_key="k", unique_for=3600.0)
        first = await kept.fire("a", AT, one)
        second = await kept.fire("a", AT + 60, one)
        assert first is not None
        assert second is not None
        assert second.ids == first.ids
        assert second.found == set(first.ids)
        assert await store.stats(None, None) == {"queued": 1}

    async def test_a_unique_job_that_ended_may_be_it_as_well(
        self, store: Store, kept: Scheduled, worker: WorkerInfo
    ) -> None:
        await kept.plan({"a": "1"})
        one = new(unique_key="k", unique_for=3600.0)
        first = await kept.fire("a", AT, one)
        await step(store, worker, [done(job) for job in await claim(store, worker)])
        second = await kept.fire("a", AT + 60, one)
        assert first is not None
        assert second is not None
        assert second.ids == first.ids

    async def test_old_times_are_forgotten(self, kept: Scheduled, clock: Clock) -> None:
        await kept.plan({"a": "1"})
        assert await kept.fire("a", AT, new()) is not None
        clock.advance(47 * 3600)
        assert await kept.fire("a", AT + 1, new()) is not None
        assert await kept.fire("a", AT, new()) is None
        clock.advance(3600 + 5)
        assert await kept.fire("a", AT + 2, new()) is not None
        assert await kept.fire("a", AT, new()) is not None
        assert await kept.fire("a", AT + 1, new()) is None

    async def test_a_fire_rings_the_doorbell(self, store: Store, kept: Scheduled) -> None:
        await kept.plan({"a": "1"})
        seen = await store.wait(-1, 0)
        await kept.fire("a", AT, new())
        assert await store.wait(seen, 5) != seen
