"""`app.view()` in a notebook follows the app; anywhere else it is text and HTML."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from mizzen.app import App
from mizzen.cache import Cache

if TYPE_CHECKING:
    from pathlib import Path


async def test_outside_a_notebook_it_is_text_and_html(tmp_path: Path) -> None:
    app = App("shop <1>", data=tmp_path).use(cache=Cache("memory:"))
    view: Any = app.view()
    bundle = view._repr_mimebundle_()
    assert set(bundle) == {"text/plain", "text/html"}
    assert bundle["text/plain"] == "<mizzen.app.App shop <1>: cache; not running>"
    assert "shop &lt;1&gt;" in bundle["text/html"]
    async with app:
        assert "running" in view._repr_html_()


@pytest.mark.extra("ipywidgets")
async def test_in_a_notebook_it_shows_every_change_until_it_is_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mizzen.app.notebook.in_kernel", lambda: True)
    app = App("shop", data=tmp_path).use(cache=Cache("memory:"))
    async with app:
        view: Any = app.view(every=0.01)
        bundle = view._repr_mimebundle_()
        assert any(mime.startswith("application/") for mime in bundle)
        await app.cache.set("seen", 1)
        await until(view, "1 entr")
        following = view._following
        view.close()
        view.close()
        await asyncio.wait([following], timeout=5)
        assert following.cancelled()


@pytest.mark.extra("ipywidgets")
async def test_what_fails_while_it_follows_is_shown_and_not_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mizzen.app.notebook.in_kernel", lambda: True)
    app = App("shop", data=tmp_path).use(cache=Cache("memory:"))
    view: Any = app.view(every=0.01)
    view._repr_mimebundle_()

    def broken(self: object) -> str:
        raise ValueError("<it broke>")

    with monkeypatch.context() as patched:
        patched.setattr(Cache, "__repr__", broken)
        await until(view, "&lt;it broke&gt;")
    await until(view, "mizzen.cache.Cache")
    view.close()


async def until(view: Any, text: str) -> None:
    """Wait until the widget says so."""
    table, said = view._table, asyncio.Event()

    def look(_: object) -> None:
        if text in table.value:
            said.set()

    table.observe(look, "value")
    look(None)
    await asyncio.wait_for(said.wait(), 5)
