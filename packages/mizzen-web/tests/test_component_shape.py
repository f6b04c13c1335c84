"""What every mizzen component offers."""

from __future__ import annotations

import asyncio
import importlib
import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from mizzen.web import Context, Web


async def test_start_and_aclose_are_idempotent_and_can_be_repeated() -> None:
    web = Web()
    assert await web.start() is web
    assert await web.start() is web
    await web.aclose()
    await web.aclose()
    async with web as again:
        assert again is web
        assert await web.health() == {"ok": True, "detail": {"views": "ok"}}


async def test_stats_are_flat_numbers() -> None:
    web = Web()

    @web.get("/")
    async def index() -> None: ...

    await web.test().get("/")
    assert web.stats() == {
        "requests_total": 1,
        "errors_total": 0,
        "disconnects_total": 0,
        "in_flight": 0,
        "routes": 1,
        "mounts": 0,
    }


async def test_repr_is_one_line_and_html_lists_the_routes_escaped() -> None:
    web = Web()

    @web.get("/<b>", name="bold")
    async def index(ctx: Context) -> str:
        return repr(ctx)

    web.mount("/in", Web())
    assert repr(web) == "<mizzen.web.Web 1 routes, 1 mounts: 0 requests, 0 errors, 0 in flight>"
    table = web._repr_html_()  # pyright: ignore[reportPrivateUsage]
    row = "<td>GET</td><td>/&lt;b&gt;</td><td>bold</td>"
    assert row in table
    assert "/in/…" in table
    assert "<b>" not in table


async def test_view_falls_back_to_text_and_html() -> None:
    view = Web().view()
    assert repr(view).startswith("<mizzen.web.Web")
    assert set(view._repr_mimebundle_()) == {"text/plain", "text/html"}  # pyright: ignore[reportPrivateUsage]
    view.close()


@pytest.mark.extra("ipywidgets")
async def test_view_follows_in_a_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    importlib.import_module("ipywidgets")  # while IPython is the real one

    shell: Any = SimpleNamespace(kernel=object())
    fake: Any = SimpleNamespace(get_ipython=lambda: shell)
    monkeypatch.setitem(sys.modules, "IPython", fake)
    web = Web()
    view = web.view(every=0.01)
    bundle = view._repr_mimebundle_()  # pyright: ignore[reportPrivateUsage]
    assert "application/vnd.jupyter.widget-view+json" in bundle
    await web.test().get("/")
    table: Any = view._table  # pyright: ignore[reportPrivateUsage]
    async with asyncio.timeout(5):
        while "1 requests" not in table.value:  # noqa: ASYNC110  (a widget has no event)
            await asyncio.sleep(0.01)
    view.close()
    view.close()


def test_import_is_light() -> None:
    heavy = "asyncio,anyio,jinja2,uvicorn,python_multipart,pydantic,ipywidgets"
    code = f"import sys, mizzen.web; print([m for m in '{heavy}'.split(',') if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
