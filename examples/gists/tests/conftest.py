from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest

from mizzen_gists import stdlib_sources
from mizzen_gists.application import build

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from mizzen.app import App, AppServer

FEW = ["asyncio/locks.py", "colorsys.py", "this.py"]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def few_sources(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Let the import be of three files."""

    def source_paths(*, everything: bool = False) -> list[str]:
        return FEW

    monkeypatch.setattr(stdlib_sources, "source_paths", source_paths)
    return FEW


@pytest.fixture
def app(tmp_path: Path, few_sources: list[str]) -> App:
    return build(tmp_path)


@pytest.fixture
async def server(app: App) -> AsyncIterator[AppServer]:
    async with await app.serve(port=0) as running:
        yield running


@pytest.fixture
async def visitor(server: AppServer) -> AsyncIterator[Callable[[], httpx.AsyncClient]]:
    """Return a function that gives browsers: each with cookies of its own, following redirects."""
    browsers: list[httpx.AsyncClient] = []

    def new() -> httpx.AsyncClient:
        browser = httpx.AsyncClient(base_url=server.url, follow_redirects=True, timeout=20)
        browsers.append(browser)
        return browser

    yield new
    for browser in browsers:
        await browser.aclose()


@pytest.fixture
async def ann(visitor: Callable[[], httpx.AsyncClient]) -> httpx.AsyncClient:
    return await signed_up(visitor(), "ann")


@pytest.fixture
async def bob(visitor: Callable[[], httpx.AsyncClient]) -> httpx.AsyncClient:
    return await signed_up(visitor(), "bob")


async def signed_up(browser: httpx.AsyncClient, name: str) -> httpx.AsyncClient:
    form = {"username": name, "email": f"{name}@example.com", "password": "a long passphrase"}
    answer = await browser.post("/signup", data=form)
    assert answer.status_code == 200, answer.text
    assert f"/u/{name}" in answer.text
    return browser
