"""The composed app runs under the ASGI servers that people have, as the commands they type."""

from __future__ import annotations

import asyncio
import re
import socket
from typing import TYPE_CHECKING, Any

import httpx
import pytest

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from mizzen.testing import Process

    Connect = Callable[..., Awaitable[Any]]
    Spawn = Callable[..., Process]

COMMANDS = {
    "mizzen": ["-m", "mizzen.app", "server", "shop:app", "--port", "{port}"],
    "uvicorn": ["-m", "uvicorn", "shop:app", "--port", "{port}"],
    "granian": ["-m", "granian", "--interface", "asgi", "--port", "{port}", "shop:app"],
    # In one process: its workers die of a SIGTERM that the whole group gets.
    "hypercorn": ["-m", "hypercorn", "--workers", "0", "--bind", "127.0.0.1:{port}", "shop:app"],
}

# What a stop by SIGTERM ends with: uvicorn and others raise the signal again once they are done.
STOPPED = (0, -15, 143)


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


async def until_it_answers(server: Process, url: str) -> None:
    """Servers print their address before they listen, some of them; so ask."""
    async with httpx.AsyncClient() as client:
        while True:
            assert server.running, server.output
            try:
                answer = await client.get(f"{url}/health/ready")
                assert answer.status_code == 200, answer.text
                return
            except httpx.TransportError:
                await asyncio.sleep(0.05)


async def serve(worker_process: Spawn, shop: Path, name: str) -> tuple[Process, str]:
    port = free_port()
    words = [word.format(port=port) for word in COMMANDS[name]]
    server = worker_process(*words, cwd=shop)
    url = f"http://127.0.0.1:{port}"
    await asyncio.wait_for(until_it_answers(server, url), 25)
    return server, url


@pytest.mark.parametrize("name", COMMANDS)
async def test_a_whole_visit(
    name: str, shop: Path, worker_process: Spawn, connect: Connect
) -> None:
    server, url = await serve(worker_process, shop, name)
    async with httpx.AsyncClient(base_url=url) as browser:
        page = await browser.get("/")
        assert page.status_code == 200
        style = re.search(r'href="(/assets/shop-[^"]+\.css)"', page.text)
        assert style, page.text

        css = await browser.get(style[1])
        assert "teal" in css.text
        assert "immutable" in css.headers["cache-control"]
        again = await browser.get(style[1], headers={"if-none-match": css.headers["etag"]})
        assert again.status_code == 304
        packed = await browser.get(style[1], headers={"accept-encoding": "gzip"})
        assert packed.headers["content-encoding"] == "gzip"
        assert packed.text == css.text
        head = await browser.head(style[1])
        assert (head.status_code, head.content) == (200, b"")

        assert (await browser.post("/orders", json={"item": "tea"})).status_code == 401
        joined = await browser.post(
            "/people", json={"username": "ann", "password": "correct staple"}
        )
        assert joined.status_code == 200, joined.text
        cookie = joined.headers["set-cookie"].partition(";")[0]

        visitor = await connect(url, headers={"Cookie": cookie})
        answer = await visitor.call("join", "orders")
        assert answer["ok"] is True, answer
        assert [member["id"] for member in answer["members"]] == [joined.json()["id"]]
        stranger = await connect(url)
        refused = await stranger.call("join", "orders")
        assert (refused["ok"], refused["code"]) == (False, "forbidden")

        assert await visitor.call("shipped", "orders") == {"ok": True, "data": 0}
        made = (await browser.post("/orders", json={"item": "tea"})).json()
        heard = await asyncio.wait_for(visitor.heard.get(), 10)
        assert heard == ("shipped", {"id": made["id"]}, "orders")
        assert await visitor.call("shipped", "orders") == {"ok": True, "data": 1}
        assert "<li>tea" in (await browser.get("/")).text

        far = await browser.post("/orders", json={}, headers={"origin": "http://evil.example"})
        assert far.status_code == 403
        assert "mizzen_queue_" in (await browser.get("/metrics")).text

    # With two sockets open: a stop waits for nobody who only listens.
    server.terminate()
    assert await server.wait(timeout=8) in STOPPED, server.output
    assert "the shop is closed" in server.output
    # hypercorn shows how it cancels its own connections; ours must not be among them.
    assert "/src/mizzen/" not in server.output, server.output
