"""A folder with a whole shop in it, and stock clients that visit it."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    Connect = Callable[..., Awaitable[Any]]

SETTINGS = """
[queue]
workers = 2

[web]
views = "views"
"""

HOME = """<!doctype html>
<title>Shop</title>
{{ asset_tag("shop.css") }}
<ul>{% for order in orders %}<li>{{ order.item }}{% endfor %}</ul>
"""


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A folder to start a server in: `shop:app` is importable there."""
    shutil.copy(Path(__file__).with_name("shop.py"), tmp_path)
    (tmp_path / "shop.toml").write_text(SETTINGS)
    (tmp_path / "views").mkdir()
    (tmp_path / "views" / "home.html").write_text(HOME)
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / "shop.css").write_text("li { color: teal }\n" * 50)
    return tmp_path


@pytest.fixture
async def connect() -> AsyncIterator[Connect]:
    """Connect python-socketio's own client; what it hears is in its queue `heard`."""
    import socketio  # pyright: ignore[reportMissingTypeStubs]

    clients: list[Any] = []

    async def connect(url: str, path: str = "/cable", **options: Any) -> Any:
        client: Any = socketio.AsyncClient(reconnection=False)
        client.heard = asyncio.Queue()

        def hear(*heard: Any) -> None:
            client.heard.put_nowait(heard)

        client.on("*", hear)
        clients.append(client)
        await client.connect(url, socketio_path=path, transports=["websocket"], **options)
        return client

    yield connect
    for client in clients:
        await client.disconnect()
        if client.eio.http is not None:
            await client.eio.http.close()
