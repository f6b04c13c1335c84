"""What stores promise to jobs that go on where they were, as tests beside StoreContract."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .abc import Ack
from .testing import claim, done, new, step

if TYPE_CHECKING:
    from .abc import Store, WorkerInfo
    from .testing import Clock

__all__ = ["DurableContract"]

LONG = '{"x":"' + "\\u0000 % ' \\\" é 😀 {jobs} " * 10_000 + '"}'


class DurableContract:
    """The promises of memos; needs the fixtures of StoreContract."""

    async def test_memos_are_kept_and_replaced_by_name(
        self, store: Store, worker: WorkerInfo
    ) -> None:
        await store.insert([new(), new()])
        job, other = await claim(store, worker)
        assert await store.memos(job.id) == {}
        assert await store.keep_memo(job.id, job.token, "first", "1")
        assert await store.keep_memo(job.id, job.token, "second é", LONG)
        assert await store.keep_memo(other.id, other.token, "first", "2")
        assert await store.keep_memo(job.id, job.token, "first", "3")
        assert await store.memos(job.id) == {"first": "3", "second é": LONG}
        assert await store.memos(other.id) == {"first": "2"}

    async def test_a_memo_under_another_token_is_refused(
        self, store: Store, worker: WorkerInfo
    ) -> None:
        await store.insert([new()])
        (job,) = await claim(store, worker)
        assert not await store.keep_memo(job.id, job.token + 1, "a", "1")
        assert not await store.keep_memo(987654321, job.token, "a", "1")
        assert await store.rescue(15, lambda _: False) == 1
        assert not await store.keep_memo(job.id, job.token, "a", "1")
        assert await store.memos(job.id) == {}

    async def test_memos_outlive_runs_and_go_with_history(
        self, store: Store, worker: WorkerInfo, clock: Clock
    ) -> None:
        (id,) = (await store.insert([new()])).ids
        for outcome in ("release", "retry", "dead"):
            (job,) = await claim(store, worker)
            await store.keep_memo(id, job.token, outcome, "1")
            await step(store, worker, [Ack(id, job.token, outcome, 1, finished_at=clock())])
            clock.advance(1)
        kept = {"release": "1", "retry": "1", "dead": "1"}
        assert await store.memos(id) == kept
        assert await store.retry(id)
        assert await store.memos(id) == kept
        (job,) = await claim(store, worker)
        await step(store, worker, [done(job)])
        assert await store.memos(id) == kept
        assert await store.prune(clock() + 60, 10) == 1
        assert await store.memos(id) == {}
