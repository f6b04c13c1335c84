"""A real browser, and the demonstration in a process of its own."""

from __future__ import annotations

import pathlib
import re
import shutil
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from playwright.sync_api import sync_playwright

from mizzen.testing import Process

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Browser, ConsoleMessage, Page

# Nothing outside this machine is asked for, and there is no display.
QUIET = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update",
]  # fmt: skip
SCREENSHOTS = pathlib.Path(__file__).parents[2] / "build" / "screenshots"


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if not found:
        pytest.skip("no chromium on the PATH; Debian and Ubuntu: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=QUIET)
        yield browser
        browser.close()


@pytest.fixture
def new_page(chromium: Browser) -> Iterator[Callable[..., Page]]:
    """Return a function that opens a browser of its own; an error in a page fails the test.

    A refused request is an answer; with `goes_offline`, so is a server that is not there.
    """
    contexts: list[Any] = []
    errors: list[str] = []

    def note_error(said: ConsoleMessage, expected: tuple[str, ...]) -> None:
        if said.type == "error" and not any(words in said.text for words in expected):
            errors.append(said.text)

    def new(*, goes_offline: bool = False, **options: Any) -> Page:
        context = chromium.new_context(**options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(10_000)
        page.on("pageerror", lambda error: errors.append(str(error)))
        expected = ("status of 4", *(["net::ERR_", "WebSocket connection"] if goes_offline else []))
        page.on("console", lambda said: note_error(said, expected))
        return page

    yield new
    for context in contexts:
        context.close()
    assert errors == []


class Demo:
    """The demonstration, running in a process of its own."""

    def __init__(self, folder: pathlib.Path, port: int = 0) -> None:
        words = ("-m", "mizzen.app", "demo", "--no-browser", "--port", str(port), "--data", folder)
        self.process = Process(*words)

    def start(self) -> None:
        self.process.start()
        self.url = self._printed(r"Gists is running:\s+(http://\S+)")
        self.password = self._printed(r"demo / (\S+)")

    def _printed(self, pattern: str) -> str:
        """Wait in a thread: playwright keeps a loop of its own running in this one."""
        with ThreadPoolExecutor(1) as thread:
            found = thread.submit(anyio.run, self.process.wait_for, re.compile(pattern), 40)
            return found.result()[1]


@pytest.fixture(scope="session")
def new_demo() -> Iterator[Callable[..., Demo]]:
    """Return a function that starts a demonstration in a folder."""
    with ExitStack() as open_until_the_end:

        def new(folder: pathlib.Path, port: int = 0) -> Demo:
            demo = Demo(folder, port)
            open_until_the_end.callback(demo.process.close)
            demo.start()
            return demo

        yield new


@pytest.fixture(scope="module")
def demo(new_demo: Callable[..., Demo], tmp_path_factory: pytest.TempPathFactory) -> Demo:
    return new_demo(tmp_path_factory.mktemp("gists"))


@pytest.fixture(scope="session")
def screenshots() -> pathlib.Path:
    """Where a person can look at what the tests saw."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    return SCREENSHOTS
