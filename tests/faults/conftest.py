"""The demonstration as a process of its own, to be treated badly."""

from __future__ import annotations

import asyncio
import re
import shutil
import signal
import sqlite3
import sys
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import httpx
import pytest

from mizzen.testing import Process

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

FEW_SOURCES = Path(__file__).with_name("few_sources.py")
ADDRESS = re.compile(r"Gists is running:\s+(http://\S+)")
PASSWORD = re.compile(r"demo / (\S+)")
COUNTED = re.compile(r"data-import-done>(\d+)<.*?data-import-total>(\d+)<", re.S)


class Demo:
    """`mizzen demo` in a folder, with few sources to import."""

    def __init__(self, process: Process, folder: Path) -> None:
        self.process, self.folder = process, folder

    @asynccontextmanager
    async def browser(self, *, logged_in: bool = False) -> AsyncGenerator[httpx.AsyncClient]:
        """Wait until it listens; give a browser, logged in by the login that was printed or not."""
        url = (await self.process.wait_for(ADDRESS, 30))[1]
        async with httpx.AsyncClient(base_url=url, timeout=20) as browser:
            if logged_in:
                password = (await self.process.wait_for(PASSWORD))[1]
                answer = await browser.post("/login", data={"login": "demo", "password": password})
                assert answer.status_code == 303, answer.text
            yield browser

    async def imported(self) -> int:
        """Wait until every file is imported; return how many there are."""
        async with self.browser() as browser, asyncio.timeout(60):
            while True:
                found = COUNTED.search((await browser.get("/")).text)
                if found and found[1] == found[2] != "0":
                    return int(found[2])
                await asyncio.sleep(0.1)

    async def stopped(self, number: signal.Signals) -> int:
        """Send the signal; return the exit status, which must come in less than five seconds."""
        self.process.send_signal(number)
        return await self.process.wait(5)

    @property
    def output(self) -> str:
        """What it has printed."""
        return self.process.output

    def assert_each_source_once(self) -> None:
        """Look into the database of a demonstration that has ended."""
        with closing(sqlite3.connect(self.folder / "gists.db")) as database:

            def column(question: str) -> list[Any]:
                return [row[0] for row in database.execute(question)]

            sources = column("SELECT path FROM sources ORDER BY path")
            gists = "SELECT source FROM gists WHERE source IS NOT NULL ORDER BY source"
            assert column(gists) == sources != []
            files = "SELECT count(*) FROM files WHERE gist_id IN (SELECT id FROM gists WHERE source"
            assert column(f"{files} IS NOT NULL)") == [len(sources)]
            assert column("PRAGMA integrity_check") == ["ok"]


@pytest.fixture
def demo(tmp_path: Path, worker_process: Callable[..., Process]) -> Callable[..., Demo]:
    """Return a function that starts the demonstration, in the test's folder by default."""

    def start(
        folder: Path = tmp_path / "data",
        *,
        sources: int = 4,
        port: int = 0,
        shell: str = "",
        **options: Any,
    ) -> Demo:
        words = [FEW_SOURCES, str(sources), "demo", "--no-browser", "--port", str(port)]
        words += ["--data", folder]
        if shell:  # what runs the command as its "$@"
            words = ["/bin/bash", "-c", shell, "bash", sys.executable, *words]
        return Demo(worker_process(*words, **options), folder)

    return start


@pytest.fixture
def eventually() -> Callable[[Callable[[], bool]], Any]:
    """Return a function that waits until something is so."""

    async def wait(is_so: Callable[[], bool]) -> None:
        async with asyncio.timeout(30):
            while not is_so():  # noqa: ASYNC110  (a file, another process)
                await asyncio.sleep(0.002)

    return wait


@pytest.fixture(scope="session")
def folder_of_before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder in which the demonstration has run; it is to be copied."""
    folder = tmp_path_factory.mktemp("used") / "data"

    async def run() -> None:
        words = ("demo", "--no-browser", "--port", "0", "--data", folder)
        async with Process(FEW_SOURCES, "2", *words) as process:
            demo = Demo(process, folder)
            await demo.imported()
            assert await demo.stopped(signal.SIGTERM) == 0

    anyio.run(run)
    return folder


@pytest.fixture
def used_folder(folder_of_before: Path, tmp_path: Path) -> Path:
    """Return a folder in which the demonstration has run, of this test's own."""
    return Path(shutil.copytree(folder_of_before, tmp_path / "used"))
