"""A child process that a test watches, kills, pauses and restarts."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import pytest

from mizzen.testing import Process, ProcessEnded, TestingError, WaitTimeout

if TYPE_CHECKING:
    from collections.abc import Callable

FOREVER = "import signal; print('ready', flush=True); signal.pause()"
WITH_CHILD = (
    "import signal, subprocess; child = subprocess.Popen(['sleep', '600'])\n"
    "print('child', child.pid); signal.pause()"
)
COUNTER = "import itertools, time\nfor n in itertools.count(): print(n); time.sleep(0.005)"


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        if Path("/proc/self").exists():
            return False
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
        return True
    return state != "Z"


async def gone(pid: int) -> None:
    with anyio.fail_after(5):
        while is_alive(pid):  # noqa: ASYNC110  (a stranger's end gives no event)
            await anyio.sleep(0.005)


async def test_wait_for_gives_the_line_or_the_match() -> None:
    with Process(
        "-c", "print('first'); print('port 80'); import signal; signal.pause()"
    ) as process:
        assert await process.wait_for("port") == "port 80"
        assert (await process.wait_for(re.compile(r"port (\d+)")))[1] == "80"
        assert await process.wait_for("first") == "first"
        assert process.output == "first\nport 80\n"


async def test_half_a_line_is_not_found() -> None:
    halves = "import sys, time; w = sys.stdout.write; w('port 8'); time.sleep(0.1); w('080\\n')"
    with Process("-c", halves) as process:
        assert await process.wait_for("port") == "port 8080"
    with Process("-c", "import sys; sys.stdout.write('no end of line')") as process:
        assert await process.wait_for("no end") == "no end of line"


async def test_wait_for_tells_an_end_from_a_silence() -> None:
    with Process("-c", "import sys; sys.exit('no database')") as process:
        with pytest.raises(ProcessEnded, match=r"(?s)ended \(1\).*no database") as ended:
            await process.wait_for("ready", timeout=30)
        assert isinstance(ended.value, TestingError)
    with Process("-c", FOREVER) as process:
        with pytest.raises(WaitTimeout, match=r"within 0.05 s"):
            await process.wait_for("never", timeout="50ms")
        with pytest.raises(TimeoutError):
            await process.wait(timeout=0.05)


async def test_kill_ends_it_and_what_it_started() -> None:
    with Process("-c", WITH_CHILD) as process:
        child = int((await process.wait_for(re.compile(r"child (\d+)")))[1])
        process.kill()
        assert process.returncode == -signal.SIGKILL
        assert not process.running
        await gone(child)


async def test_what_a_worker_leaves_behind_goes_with_its_own_end() -> None:
    with Process("-c", WITH_CHILD.replace("signal.pause()", "pass")) as process:
        assert await process.wait() == 0
        child = int((await process.wait_for(re.compile(r"child (\d+)")))[1])
        await gone(child)


async def test_terminate_lets_it_end_by_itself() -> None:
    tidy = "import signal, sys; signal.signal(15, lambda *_: sys.exit('tidy'));"
    with Process("-c", tidy + FOREVER) as process:
        await process.wait_for("ready")
        process.terminate()
        assert await process.wait() == 1
        assert "tidy" in process.output


async def test_paused_process_prints_nothing_until_it_resumes() -> None:
    with Process("-c", COUNTER) as process:
        await process.wait_for("5")
        process.pause()
        await anyio.sleep(0.05)  # what lay in the pipe is read
        before = process.output
        await anyio.sleep(0.05)
        assert process.output == before
        assert process.running
        process.resume()
        latest = int(before.split()[-1])
        await process.wait_for(re.compile(rf"^{latest + 5}$", re.MULTILINE))


async def test_restart_is_a_new_run_with_a_new_output(tmp_path: Path) -> None:
    script = tmp_path / "worker.py"
    script.write_text("import os, signal; print(os.environ['NAME'], os.getpid()); signal.pause()")
    with Process(script, env={"NAME": "worker"}) as process:
        first = await process.wait_for("worker")
        process.restart()
        assert await process.wait_for("worker") != first
        assert first not in process.output
        assert "worker.py: runs as" in repr(process)


async def test_file_that_would_grow_too_large_fails_to(tmp_path: Path) -> None:
    fill = "f = open('full', 'wb', 0)\nfor _ in range(9): f.write(bytes(1000))"
    with Process("-c", fill, cwd=tmp_path, max_file_size="4KB") as process:
        assert await process.wait() == 1
        assert "File too large" in process.output
    assert (tmp_path / "full").stat().st_size == 4000


async def test_any_program_and_any_module_can_be_run(tmp_path: Path) -> None:
    with Process("/bin/echo", "hello") as process:
        assert await process.wait_for("hello") == "hello"
    (tmp_path / "my_module.py").write_text("print(__name__)")
    with Process("-m", "my_module", cwd=tmp_path) as process:
        assert await process.wait_for("__main__")


def test_a_plain_test_may_wait_too(worker_process: Callable[..., Process]) -> None:
    process = worker_process("-c", FOREVER)
    assert anyio.run(process.wait_for, "ready") == "ready"


def test_process_that_was_not_started_says_so() -> None:
    process = Process("worker.py")
    with pytest.raises(TestingError, match="has not been started"):
        _ = process.pid
    process.close()
    assert "not started" in repr(process)
