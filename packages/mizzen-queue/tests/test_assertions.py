"""`assert_enqueued` and `assert_not_enqueued`."""

from __future__ import annotations

import sqlite3
from datetime import date
from typing import TYPE_CHECKING

import pytest

from mizzen.queue import Queue, QueueError
from mizzen.queue.testing import FrozenClock, assert_enqueued, assert_not_enqueued

if TYPE_CHECKING:
    from pathlib import Path


async def test_jobs_are_found_by_what_is_said_of_them(q: Queue) -> None:
    @q.job
    async def send(to: str, copies: int = 1, day: date | None = None) -> None: ...

    @q.job(queue="slow")
    async def report() -> None: ...

    await report().enqueue()
    with q.testing():
        await assert_not_enqueued(q)
        await send("ann", day=date(2026, 1, 2)).enqueue()
        await send("bob", 2).enqueue(delay="1h", queue="mail")
        await assert_enqueued(q)
        await assert_enqueued(q, send, count=2)
        await assert_enqueued(q, "send", args={"to": "ann", "copies": 1}, count=1)
        await assert_enqueued(q, send, args={"day": date(2026, 1, 2)}, count=1)
        (bob,) = await assert_enqueued(q, send("bob", copies=2), queue="mail", status="scheduled")
        assert bob.args == '{"to":"bob","copies":2}'
        await assert_not_enqueued(q, send("bob"))
        await assert_not_enqueued(q, report)
        await assert_not_enqueued(q, send, args={"to": "ann", "size": 1})
        await q.drain()
        await assert_enqueued(q, send, status="done", count=1)
        await q.cancel(bob.id)
        await assert_not_enqueued(q, send("bob", copies=2))
        await assert_enqueued(q, status="cancelled", count=1)


async def test_a_failed_assertion_says_what_there_is(q: Queue) -> None:
    @q.job
    async def send(to: str) -> None: ...

    with q.testing():
        with pytest.raises(AssertionError) as none:
            await assert_enqueued(q, send, args={"to": "ann"}, queue="mail", status="queued")
        assert str(none.value) == (
            "expected a job 'send' with {'to': 'ann'} on queue 'mail' that is queued; none of what "
            "was enqueued: nothing was"
        )
        await q.enqueue_many([send(f"{n}") for n in range(12)])
        with pytest.raises(AssertionError) as few:
            await assert_enqueued(q, send("3"), count=2)
        lines = str(few.value).splitlines()
        assert lines[0] == (
            'expected 2 jobs <mizzen.queue.Call send {"to":"3"}>; 1 of what was enqueued:'
        )
        assert lines[1] == '  send {"to":"0"} on queue \'default\', queued'
        assert lines[-1] == "  … and 2 more"
        with pytest.raises(AssertionError, match="expected no job 'send', but there is"):
            await assert_not_enqueued(q, send)
    with pytest.raises(QueueError, match="isn't under test"):
        await assert_enqueued(q, send)


async def test_what_was_rolled_back_was_not_enqueued(sqlite_q: Queue, tmp_path: Path) -> None:
    @sqlite_q.job(unique=True)
    async def one() -> None: ...

    tx = sqlite3.connect(tmp_path / "app.db")
    with sqlite_q.testing():
        await one().enqueue(tx=tx)
        await assert_not_enqueued(sqlite_q, one)
        tx.rollback()
        await assert_not_enqueued(sqlite_q, one)
        await one().enqueue(tx=tx)
        tx.commit()
        await one().enqueue()
        await assert_enqueued(sqlite_q, one, count=1)
    tx.close()


async def test_the_plugin_gives_a_queue_under_test(
    mizzen_queue: Queue, mizzen_queue_clock: FrozenClock
) -> None:
    @mizzen_queue.job
    async def one() -> int:
        return 1

    handle = await one().enqueue(delay="2h")
    assert await mizzen_queue.drain() == []
    mizzen_queue_clock.advance("2h")
    assert [ran.result for ran in await mizzen_queue.drain()] == [1]
    assert await handle.result() == 1
