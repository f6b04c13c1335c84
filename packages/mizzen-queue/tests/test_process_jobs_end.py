"""Jobs in processes of their own: really stopped, and free to crash."""

# ruff: noqa: ASYNC110, ASYNC240  (what is polled is a store or a process; its files are small)

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from mizzen.queue import JobCancelled, JobFailed

if TYPE_CHECKING:
    from collections.abc import Callable


async def seen(text: str) -> list[str]:
    """The words of the first line of the log that begins with *text*."""
    async with asyncio.timeout(20):
        while True:
            with contextlib.suppress(FileNotFoundError):
                for line in Path("seen.log").read_text().splitlines():
                    if line.startswith(text):
                        return line.split()
            await asyncio.sleep(0.01)


async def ended(pid: int) -> None:
    """Wait for the end of a process; a zombie that nobody reaps here has ended, too."""
    async with asyncio.timeout(10):
        while True:
            try:
                state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
            except (FileNotFoundError, ProcessLookupError):
                return
            if state in "ZX":
                return
            await asyncio.sleep(0.01)


def _lines() -> list[str]:
    log = Path("seen.log")
    return log.read_text().splitlines() if log.exists() else []


async def test_each_runner_has_its_own_process(crunch: Any) -> None:
    handles = [await crunch.patient().enqueue() for _ in range(2)]
    async with crunch.q.worker(concurrency=2):
        async with asyncio.timeout(20):
            while len(set(_lines())) < 2:
                await asyncio.sleep(0.01)
        for handle in handles:
            await handle.cancel()
        for handle in handles:
            with pytest.raises(JobCancelled):
                await handle.result(timeout=20)


@pytest.mark.parametrize(
    ("how", "told"), [("exit", "ended with exit status 3"), ("segfault", "killed by SIGSEGV")]
)
async def test_a_process_that_dies_fails_only_its_own_job(crunch: Any, how: str, told: str) -> None:
    beside = [await crunch.beside().enqueue() for _ in range(5)]
    dying = await crunch.die(how).enqueue()
    async with crunch.q.worker(concurrency=2) as worker:
        with pytest.raises(JobFailed, match=f"ProcessDied: the process .*{told}"):
            await dying.result(timeout=20)
        assert [await handle.result(timeout=5) for handle in beside] == [1] * 5
        assert (await worker.health())["ok"]
        await (await crunch.pid().enqueue()).result(timeout=20)
    assert _lines() == [f"died {how}"] * 2


async def test_a_timeout_really_stops_the_job(crunch: Any) -> None:
    async with crunch.q.worker():
        with pytest.raises(JobFailed, match=r"Timeout: the attempt took longer than 0\.3 s"):
            await (await crunch.spin().enqueue()).result(timeout=20)
        _, pid = await seen("spins")
        assert not Path(f"/proc/{pid}").exists()


async def test_a_cancelled_job_is_killed_with_what_it_started(crunch: Any) -> None:
    async with crunch.q.worker():
        handle = await crunch.endless().enqueue()
        _, pid, helper = await seen("started")
        await handle.cancel()
        with pytest.raises(JobCancelled):
            await handle.result(timeout=20)
        assert not Path(f"/proc/{pid}").exists()
        await ended(int(helper))


@pytest.mark.parametrize(("kind", "word"), [("patient", "was told"), ("cleans_up", "cleaned up")])
async def test_a_job_is_told_a_moment_before(crunch: Any, kind: str, word: str) -> None:
    async with crunch.q.worker():
        handle = await getattr(crunch, kind)().enqueue()
        await seen("started")
        await handle.cancel()
        with pytest.raises(JobCancelled):
            await handle.result(timeout=20)
    assert word in _lines()


async def test_a_job_that_outlives_the_grace_runs_again_elsewhere(crunch: Any) -> None:
    handle = await crunch.endless().enqueue()
    async with crunch.q.worker(grace="20ms"):
        _, pid, _ = await seen("started")
    assert not Path(f"/proc/{pid}").exists()
    assert await handle.status() == "queued"


async def test_idle_and_old_processes_end(crunch: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mizzen.queue._children._IDLE", 0.05)
    async with crunch.q.worker(concurrency=1):
        first = await (await crunch.pid().enqueue()).result(timeout=20)
        await ended(first)
        monkeypatch.setattr("mizzen.queue._children._JOBS_EACH", 1)
        second = await (await crunch.pid().enqueue()).result(timeout=20)
        third = await (await crunch.pid().enqueue()).result(timeout=20)
        assert len({first, second, third}) == 3


async def test_an_idle_process_that_died_costs_nobody_an_attempt(crunch: Any) -> None:
    async with crunch.q.worker(concurrency=1):
        first = await (await crunch.pid().enqueue()).result(timeout=20)
        os.kill(first, signal.SIGKILL)
        await ended(first)
        await asyncio.sleep(0.05)
        handle = await crunch.pid().enqueue()
        assert await handle.result(timeout=20) != first


async def test_the_heartbeat_goes_on_beside_a_process_that_spins(
    crunch: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    beats: list[float] = []
    heartbeat = crunch.q.store.heartbeat

    async def counted(worker: object) -> None:
        beats.append(time.monotonic())
        await heartbeat(worker)

    monkeypatch.setattr(crunch.q.store, "heartbeat", counted)
    async with crunch.q.worker(lease="300ms"):
        handle = await crunch.spin().enqueue()
        with pytest.raises(JobFailed, match="Timeout"):
            await handle.result(timeout=20)
    assert len(beats) >= 3


@pytest.mark.slow
@pytest.mark.parametrize(
    "store",
    [
        "sqlite",
        pytest.param(
            "postgres", marks=[pytest.mark.extra("psycopg"), pytest.mark.extra("mizzen.testing")]
        ),
    ],
)
async def test_a_worker_that_is_killed_takes_its_processes_along(
    store: str,
    crunch_at: Callable[[str], Any],
    child: Callable[..., Any],
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    url = f"sqlite:///{tmp_path}/app.db"
    if store == "postgres":
        url = str(request.getfixturevalue("postgres_url"))
    crunch = crunch_at(url)
    async with crunch.q as q:
        handle = await crunch.endless().enqueue()
        worker = await child("worker", "crunch:q").start()
        _, pid, helper = await seen("started")
        assert await worker.end(signal.SIGKILL) == -signal.SIGKILL
        await ended(int(pid))
        await ended(int(helper))
        (tmp_path / "seen.log").unlink()
        async with q.worker():
            await seen("started")
            await handle.cancel()
            with pytest.raises(JobCancelled):
                await handle.result(timeout=20)
