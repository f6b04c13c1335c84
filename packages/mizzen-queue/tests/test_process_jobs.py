"""Jobs in processes of their own: really stopped, and free to crash."""

# ruff: noqa: ASYNC110, ASYNC240  (what is polled is a store or a process; its files are small)

from __future__ import annotations

import asyncio
import contextlib
import importlib
import os
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from mizzen.queue import BadJob, JobCancelled, JobFailed, Progress, Queue

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

CRUNCH = """
import asyncio, os, signal, subprocess, sys, time
from datetime import date
from mizzen.queue import GiveUp, Queue, Retry, current_job

q = Queue(os.environ["QUEUE_URL"])
once = Retry(max=1)

def note(text):
    with open("seen.log", "a") as log:
        print(text, file=log, flush=True)

@q.job(run="process")
def pid() -> int:
    return os.getpid()

@q.job(run="process")
async def later(day: date, *, note: str = "none") -> list[str]:
    await asyncio.sleep(0)
    return [day.isoformat(), note, current_job().kind]

@q.job(run="process", retry=once)
def fail(text: str) -> None:
    raise LookupError(text)

@q.job(run="process")
def give_up() -> None:
    raise GiveUp("never")

@q.job(run="process", retry=once)
def leave(status: int) -> None:
    raise SystemExit(status)

@q.job(run="process")
def odd() -> object:
    return object()

@q.job(run="process", retry=Retry(max=2, base="1ms"))
def die(how: str) -> None:
    note(f"died {how}")
    os._exit(3) if how == "exit" else os.kill(os.getpid(), signal.SIGSEGV)

@q.job(run="process")
def big(size: int) -> str:
    return "x" * size

@q.job(run="process")
def noisy() -> str:
    print("to stdout")
    os.write(1, b"to the descriptor\\n")
    return sys.stdin.read()

@q.job(run="process", timeout="300ms", retry=once)
def spin() -> None:
    note(f"spins {os.getpid()}")
    while True:
        pass

@q.job(run="process")
def endless() -> None:
    helper = subprocess.Popen(["sleep", "60"])
    note(f"started {os.getpid()} {helper.pid}")
    while True:
        time.sleep(0.01)

@q.job(run="process")
def patient() -> None:
    job = current_job()
    note(f"started {os.getpid()}")
    while not job.cancelled:
        time.sleep(0.005)
    note("was told")

@q.job(run="process")
async def cleans_up() -> None:
    try:
        note(f"started {os.getpid()}")
        await asyncio.sleep(60)
    finally:
        note("cleaned up")

@q.job(run="process")
def half() -> None:
    current_job().progress(5, 10, "halfway")
    while not os.path.exists("go on"):
        time.sleep(0.005)
    current_job().progress(10, 10)

@q.job
async def beside() -> int:
    return 1
"""


@pytest.fixture
def crunch_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Any]]:
    """The module above, as a program imports it; its queue is at the URL."""
    (tmp_path / "crunch.py").write_text(CRUNCH)

    def load(url: str) -> Any:
        monkeypatch.setenv("QUEUE_URL", url)
        return importlib.import_module("crunch")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    importlib.invalidate_caches()
    yield load
    sys.modules.pop("crunch", None)


@pytest.fixture
async def crunch(crunch_at: Callable[[str], Any], url: str) -> AsyncIterator[Any]:
    module = crunch_at(url)
    async with module.q:
        yield module


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


async def test_jobs_run_one_after_the_other_in_another_process(crunch: Any) -> None:
    async with crunch.q.worker(concurrency=1):
        first = await (await crunch.pid().enqueue()).result(timeout=20)
        second = await (await crunch.pid().enqueue()).result(timeout=20)
    assert first == second != os.getpid()
    await ended(first)


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


def _lines() -> list[str]:
    log = Path("seen.log")
    return log.read_text().splitlines() if log.exists() else []


async def test_arguments_and_results_keep_their_types(crunch: Any) -> None:
    from datetime import date

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


async def test_a_module_that_is_loaded_again_brings_its_new_code(
    crunch: Any, tmp_path: Path
) -> None:
    q, file = crunch.q, tmp_path / "changing.py"

    def load(number: int) -> Any:
        file.write_text(
            f"from crunch import q\n@q.job(run='process')\ndef number() -> int: return {number:_}\n"
        )
        sys.modules.pop("changing", None)
        importlib.invalidate_caches()
        return importlib.import_module("changing")

    async with q.worker():
        for number in (1, 20, 300):
            module = load(number)
            assert await (await module.number().enqueue()).result(timeout=20) == number


async def test_in_a_test_its_functions_run_here(crunch: Any) -> None:
    with crunch.q.testing():
        handle = await crunch.pid().enqueue()
        await crunch.q.drain()
        assert await handle.result() == os.getpid()
    assert await crunch.pid.run() == os.getpid()


SCRIPT = """
import asyncio, os
from dataclasses import dataclass
from mizzen.queue import Queue

q = Queue("sqlite:///app.db")

@dataclass
class Point:
    x: int

@q.job(run="process")
def double(point: Point) -> tuple[str, int, int]:
    return __name__, point.x * 2, os.getpid()

async def main():
    async with q, q.worker():
        name, x, pid = await (await double(Point(4)).enqueue()).result(timeout=20)
        print(name, x, pid != os.getpid())
"""


@pytest.mark.parametrize("command", [["program.py"], ["-m", "program"]])
async def test_a_script_runs_its_own_functions(tmp_path: Path, command: list[str]) -> None:
    guarded = SCRIPT + "if __name__ == '__main__': asyncio.run(main())\n"
    (tmp_path / "program.py").write_text(guarded)
    out = await _output(tmp_path, command)
    assert out.split()[1:] == ["8", "True"], out


async def test_a_script_that_would_run_again_is_told_so(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(SCRIPT + "asyncio.run(main())\n")
    out = await _output(tmp_path, ["program.py"])
    assert 'put the program under `if __name__ == "__main__":`' in out


async def _output(folder: Path, command: list[str]) -> str:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, *command),
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(30):
        out, _ = await process.communicate()
    return out.decode()


def test_functions_that_no_other_process_could_import_are_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    q = Queue()

    def inner() -> None: ...

    with pytest.raises(BadJob, match="at the top level of a module"):
        q.job(run="process")(inner)
    with pytest.raises(BadJob, match="at the top level of a module"):
        q.job(run="process", name="nameless")(lambda: None)
    monkeypatch.delattr("__main__.__file__", raising=False)
    monkeypatch.setattr("__main__.__spec__", None)
    inner.__qualname__, inner.__module__ = "cell", "__main__"
    with pytest.raises(BadJob, match="a notebook or a console"):
        q.job(run="process")(inner)


def plain() -> None: ...


async def asynchronous() -> None: ...


@pytest.mark.parametrize(
    ("fn", "run", "message"),
    [
        (plain, "async", "is a plain function"),
        (asynchronous, "thread", "is async"),
        (plain, "fiber", 'write "async", "thread" or "process"'),
    ],
)
def test_a_place_that_does_not_fit_is_refused(
    fn: Callable[..., Any], run: Any, message: str
) -> None:
    with pytest.raises(BadJob, match=message):
        Queue().job(run=run)(fn)


async def test_a_function_that_is_gone_is_dead_at_once(crunch: Any, tmp_path: Path) -> None:
    (tmp_path / "crunch.py").write_text("from mizzen.queue import Queue\n")
    async with crunch.q.worker():
        with pytest.raises(JobFailed, match="crunch has no 'pid'"):
            await (await crunch.pid().enqueue()).result(timeout=20)
    (tmp_path / "crunch.py").unlink()
    async with crunch.q.worker():
        with pytest.raises(JobFailed, match="another process finds no module 'crunch'"):
            await (await crunch.pid().enqueue()).result(timeout=20)
    assert (await crunch.q.counts())["dead"] == 2
