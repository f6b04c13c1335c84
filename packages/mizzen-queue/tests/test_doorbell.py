from __future__ import annotations

import asyncio
import os
import pathlib
import socket
import sys
import tempfile
from typing import TYPE_CHECKING

import pytest

from mizzen.queue import Queue
from mizzen.queue.stores import sqlite
from mizzen.queue.stores._doorbell import Doorbell

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

exists = os.path.exists

ELSEWHERE = """
import asyncio, sys
from mizzen.queue import Queue

async def main():
    async with Queue(sys.argv[1]) as q:
        @q.job
        async def note(n: int) -> None: ...
        print("ready", flush=True)
        while line := await asyncio.to_thread(sys.stdin.readline):
            await note(int(line)).enqueue()

asyncio.run(main())
"""


@pytest.fixture(autouse=True)
def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A short folder for sockets, whose paths may have 104 characters."""
    del tmp_path  # made by now, as it would be made in here
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        monkeypatch.setattr(tempfile, "tempdir", folder)
        monkeypatch.setenv("TMPDIR", folder)
        yield pathlib.Path(folder)


@pytest.fixture
async def elsewhere(tmp_path: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """A process that enqueues `note(n)` for each number it is sent."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", ELSEWHERE, f"sqlite:///{tmp_path}/app.db",
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    assert await process.stdout.readline() == b"ready\n"
    yield process
    await process.communicate(b"")


async def heard_from(elsewhere: asyncio.subprocess.Process, tmp_path: Path) -> list[int]:
    """What a worker of this process ran of the three jobs that the other one enqueues in turn."""
    assert elsewhere.stdin is not None
    ran: list[int] = []
    async with Queue(f"sqlite:///{tmp_path}/app.db") as q:

        @q.job
        async def note(n: int) -> None:
            ran.append(n)
            done.set()

        async with q.worker():
            for n in range(3):
                await asyncio.sleep(0.2)  # idle
                done = asyncio.Event()
                elsewhere.stdin.write(f"{n}\n".encode())
                async with asyncio.timeout(10):
                    await done.wait()
    return ran


async def test_an_enqueue_rings_the_workers_of_other_processes(
    elsewhere: asyncio.subprocess.Process, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "_POLL", 60.0)
    monkeypatch.setattr("mizzen.queue._worker._LOOK_AGAIN", 60.0)
    assert await heard_from(elsewhere, tmp_path) == [0, 1, 2]


async def test_without_a_doorbell_polling_still_finishes(
    elsewhere: asyncio.subprocess.Process,
    tmp_path: Path,
    runtime: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("mizzen.queue._worker._LOOK_AGAIN", 60.0)
    (runtime / f"mizzen-queue-{os.getuid()}").write_text("in the way")
    assert await heard_from(elsewhere, tmp_path) == [0, 1, 2]


async def test_only_the_others_are_rung() -> None:
    heard: list[str] = []
    one, other = Doorbell("/some/app.db"), Doorbell("/some/app.db")
    one.hang(lambda: heard.append("one"))
    other.hang(lambda: heard.append("other"))
    apart = Doorbell("/some/other.db")
    apart.hang(lambda: heard.append("apart"))
    one.ring()
    await asyncio.sleep(0.05)
    assert heard == ["other"]
    for bell in (one, other, apart):
        bell.close()
    assert not exists(one.folder)


async def test_the_bell_of_a_dead_process_is_taken_down() -> None:
    living = Doorbell("/some/app.db")
    living.hang(lambda: None)
    left = os.path.join(living.folder, "1-dead")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as dead:
        dead.bind(left)
    living.ring()
    assert not exists(left)
    living.close()


async def test_a_bell_that_nobody_answers_blocks_nobody() -> None:
    heard: list[int] = []
    busy, caller = Doorbell("/some/app.db"), Doorbell("/some/app.db")
    busy.hang(lambda: heard.append(1))
    for _ in range(10_000):  # far more than its buffer holds
        caller.ring()
    await asyncio.sleep(0.05)
    assert heard
    busy.close()
    caller.close()


async def test_a_folder_that_others_may_write_to_is_not_trusted() -> None:
    bell = Doorbell("/some/app.db")
    os.makedirs(bell.folder)
    os.chmod(bell.folder, 0o777)
    bell.hang(lambda: None)
    assert os.listdir(bell.folder) == []
    bell.close()
