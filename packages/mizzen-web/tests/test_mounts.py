"""Other ASGI apps under a prefix, WebSockets included."""

from __future__ import annotations

from typing import Any

import pytest

from mizzen.web import Context, DefinitionError, Web


async def inner(scope: Any, receive: Any, send: Any) -> None:
    """Echo over a WebSocket; tell the path over HTTP."""
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        while (message := await receive())["type"] == "websocket.receive":
            if message.get("text") == "bye":
                await send({"type": "websocket.close", "code": 1000})
                return
            await send({"type": "websocket.send", "text": message["text"].upper()})
        return
    body = f"{scope['root_path']}|{scope['path']}".encode()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})


async def test_mount_sees_the_full_path_and_its_prefix() -> None:
    web = Web()
    web.mount("/in", inner)
    client = web.test()
    assert (await client.get("/in/a/b")).text == "/in|/in/a/b"
    assert (await client.get("/in")).text == "/in|/in"
    assert (await client.get("/inner")).status == 404


async def test_routes_go_first_then_the_longest_prefix() -> None:
    web = Web()
    web.mount("/", inner)
    web.mount("/a/b", inner)
    web.mount("/a", inner)

    @web.get("/a/b/c")
    async def route() -> str:
        return "route"

    client = web.test()
    assert (await client.get("/a/b/c")).text == "route"
    assert (await client.get("/a/b/d")).text == "/a/b|/a/b/d"
    assert (await client.get("/a/x")).text == "/a|/a/x"
    assert (await client.get("/x")).text == "|/x"
    assert (await client.post("/a/b/c")).status == 405


async def test_mounting_again_replaces() -> None:
    web = Web()
    web.mount("/in", Web())
    web.mount("/in/", inner)
    assert len(web.mounts) == 1
    assert (await web.test().get("/in")).status == 200


async def test_websocket_goes_through_a_mount() -> None:
    web = Web()
    web.group("/api").mount("/socket", inner)
    async with web.test().websocket("/api/socket") as socket:
        await socket.send_text("hello")
        assert await socket.receive_text() == "HELLO"
        await socket.send_json("a")
        assert await socket.receive_json() == "A"
        await socket.send_text("bye")
        with pytest.raises(ConnectionResetError):
            await socket.receive_text()


async def test_site_in_a_site_in_a_site() -> None:
    sites = [Web(), Web(), Web()]
    sites[0].mount("/a", sites[1])
    sites[1].mount("/b", sites[2])

    @sites[2].get("/x/{y}/z", name="deep")
    async def deep(y: str, ctx: Context) -> str:
        return y + " " + ctx.url("deep", y=y)

    reply = await sites[0].test().get("/a/b/x/1%2F2/z")
    assert reply.text == "1/2 /a/b/x/1%2F2/z"


async def test_unknown_protocol_is_refused() -> None:
    any_app: Any = Web()
    with pytest.raises(DefinitionError, match="telnet"):
        await any_app({"type": "telnet"}, None, None)


async def test_failure_inside_a_mount_is_the_mounts_own() -> None:
    async def half(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise KeyError("half-way")

    web = Web()
    web.mount("/half", half)
    with pytest.raises(KeyError, match="half-way"):
        await web.test().get("/half/x")


async def test_prefix_of_the_servers_root_path_is_not_mistaken() -> None:
    web = Web()

    @web.get("/inner")
    async def index() -> str:
        return "here"

    async def behind_a_proxy(scope: Any, receive: Any, send: Any) -> None:
        await web({**scope, "root_path": "/in"}, receive, send)

    client = web.test()
    client.app = behind_a_proxy
    assert (await client.get("/inner")).text == "here"
    assert (await client.get("/in/inner")).text == "here"
