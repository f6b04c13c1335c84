from __future__ import annotations

import asyncio
import importlib
import os
import shutil
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from mizzen.queue import Queue

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator


@pytest.fixture
def anyio_backend() -> str:
    """The queue is for asyncio, as psycopg and its own threads are."""
    return "asyncio"


@pytest.fixture(params=["memory", "sqlite"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return "memory:" if request.param == "memory" else f"sqlite:///{tmp_path}/app.db"


SERVER = [pytest.mark.extra("psycopg"), pytest.mark.extra("mizzen.testing")]


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=SERVER)])
def shared_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database that several processes can share."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/app.db"
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture
async def q(url: str) -> AsyncIterator[Queue]:
    """A started queue, in memory and in SQLite."""
    async with Queue(url) as queue:
        yield queue


@pytest.fixture
async def sqlite_q(tmp_path: Path) -> AsyncIterator[Queue]:
    async with Queue(f"sqlite:///{tmp_path}/app.db") as queue:
        yield queue


class Child:
    """A worker of its own process, of a module that the test wrote."""

    def __init__(self, folder: Path, *arguments: str, env: dict[str, str] | None = None) -> None:
        self._folder, self._arguments = folder, arguments
        self._env = {**os.environ, **(env or {}), "PYTHONUNBUFFERED": "1"}
        self.process: asyncio.subprocess.Process | None = None

    async def start(self) -> Child:
        code = "import sys; from mizzen.queue._command import main; sys.exit(main(sys.argv[1:]))"
        self.process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            code,
            *self._arguments,
            cwd=self._folder,
            env=self._env,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        return self

    async def line(self, text: str) -> str:
        """The next line that contains *text*."""
        assert self.process is not None
        assert self.process.stdout is not None
        seen = ""
        async with asyncio.timeout(20):
            while line := (await self.process.stdout.readline()).decode():
                seen += line
                if text in line:
                    return line
        raise AssertionError(f"ended without {text!r}:\n{seen}")

    async def end(self, number: signal.Signals) -> int:
        """Send a signal, and wait for the end."""
        assert self.process is not None
        if self.process.returncode is None:
            self.process.send_signal(number)
        async with asyncio.timeout(20):
            # Also reads what is left, so that no pipe is full and no transport stays open.
            await self.process.communicate()
        assert self.process.returncode is not None
        return self.process.returncode


@pytest.fixture
async def child(tmp_path: Path) -> AsyncIterator[Callable[..., Child]]:
    """Make workers of other processes; they end with the test."""
    children: list[Child] = []

    def make(*arguments: str, **env: str) -> Child:
        children.append(Child(tmp_path, *arguments, env=env))
        return children[-1]

    yield make
    for one in children:
        if one.process is not None:
            await one.end(signal.SIGKILL)


@pytest.fixture
def crunch_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Any]]:
    """The module `crunch`, as a program imports it; its queue is at the URL."""
    shutil.copy(Path(__file__).with_name("crunch.py"), tmp_path)

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
