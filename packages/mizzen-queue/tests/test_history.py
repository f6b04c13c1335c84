"""How long ended jobs are kept: `Queue(history=, history_rows=)`."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from mizzen.queue import Retry

if TYPE_CHECKING:
    import pytest

    from mizzen.queue import Queue


async def test_history_is_kept_to_its_number_however_fast_jobs_end(
    q: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mizzen.queue._worker._PRUNE_EVERY", 0.02)
    q.history_rows = 100

    @q.job(unique="{n}", rate="100000/s")
    async def one(n: int) -> None: ...

    await q.enqueue_many([one(n) for n in range(5000)])
    only_a_hundred = dict.fromkeys(await q.counts(), 0) | {"done": 100}
    async with q.worker(), asyncio.timeout(20):
        while await q.counts() != only_a_hundred:  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def test_history_is_kept_to_its_age(q: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mizzen.queue._worker._PRUNE_EVERY", 0.02)
    q.history = 0.05

    @q.job(retry=Retry(max=1))
    async def one(fails: bool) -> None:
        if fails:
            raise ValueError

    await q.enqueue_many([one(False), one(True)])
    await (await one(False).enqueue(delay="1h")).cancel()
    async with q.worker(), asyncio.timeout(5):
        while any((await q.counts()).values()):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
