"""Jobs in processes of their own: they run there as they would anywhere."""

# ruff: noqa: ASYNC110, ASYNC240  (what is polled is a store or a process; its files are small)

from __future__ import annotations

import asyncio
import os
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from mizzen.queue import JobFailed, Progress


async def test_jobs_run_one_after_the_other_in_another_process(crunch: Any) -> None:
    async with crunch.q.worker(concurrency=1):
        first = await (await crunch.pid().enqueue()).result(timeout=20)
        second = await (await crunch.pid().enqueue()).result(timeout=20)
    assert first == second != os.getpid()


async def test_arguments_and_results_keep_their_types(crunch: Any) -> None:
    async with crunch.q.worker():
        handle = await crunch.later(date(2026, 2, 3), note="x").enqueue()
        assert await handle.result(timeout=20) == ["2026-02-03", "x", "later"]
        size = 3_000_000
        assert len(await (await crunch.big(size).enqueue()).result(timeout=20)) == size


async def test_failures_come_back_with_their_traceback(crunch: Any) -> None:
    async with crunch.q.worker():
        with pytest.raises(JobFailed, match="LookupError: no such thing") as failed:
            await (await crunch.fail("no such thing").enqueue()).result(timeout=20)
        assert "raise LookupError(text)" in failed.value.traceback
        assert "_child.py" not in failed.value.traceback
        with pytest.raises(JobFailed, match="GiveUp: never"):
            await (await crunch.give_up().enqueue()).result(timeout=20)
        with pytest.raises(JobFailed, match="SystemExit: 4"):
            await (await crunch.leave(4).enqueue()).result(timeout=20)
        odd = await crunch.odd().enqueue()
        with pytest.raises(Exception, match="its result can't be kept"):
            await odd.result(timeout=20)
        assert await odd.status() == "done"


async def test_what_a_job_prints_goes_to_the_workers_stderr(
    crunch: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    async with crunch.q.worker():
        assert await (await crunch.noisy().enqueue()).result(timeout=20) == ""
    out, err = capfd.readouterr()
    assert out == ""
    assert "to stdout" in err
    assert "to the descriptor" in err


async def test_progress_comes_over_the_pipe(crunch: Any) -> None:
    async with crunch.q.worker():
        handle = await crunch.half().enqueue()
        async with asyncio.timeout(20):
            while (told := await handle.progress()) is None:
                await asyncio.sleep(0.01)
        assert told == Progress(5, 10, "halfway")
        Path("go on").touch()
        await handle.result(timeout=20)
        assert await handle.progress() == Progress(10, 10)


async def test_in_a_test_its_functions_run_here(crunch: Any) -> None:
    with crunch.q.testing():
        handle = await crunch.pid().enqueue()
        await crunch.q.drain()
        assert await handle.result() == os.getpid()
    assert await crunch.pid.run() == os.getpid()
