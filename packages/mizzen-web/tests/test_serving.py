"""A real server in the running loop."""

from __future__ import annotations

import asyncio
import signal
import socket
from typing import TYPE_CHECKING

import httpx
import pytest

from mizzen.web import AddressInUse, Context, Stream, Web, serve

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from mizzen.web.abc import Receive, Scope, Send


pytestmark = pytest.mark.extra("uvicorn")


def hello() -> Web:
    web = Web()

    @web.get("/")
    async def index() -> dict[str, str]:
        return {"hello": "world"}

    return web


async def test_served_site_answers_and_stops() -> None:
    handlers = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    async with hello() as web:
        server = await web.serve(port=0)
        assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == handlers
        async with httpx.AsyncClient() as client:
            assert (await client.get(server.url)).json() == {"hello": "world"}
        assert server.url in server._repr_html_()  # pyright: ignore[reportPrivateUsage]
    assert not server.running
    await server.aclose()
    with pytest.raises(OSError):  # noqa: PT011
        socket.create_connection((server.host, server.port), 1).close()


async def test_port_in_use_is_a_clear_error() -> None:
    web = hello()
    server = await web.serve()
    with pytest.raises(AddressInUse, match=f"port {server.port} on 127.0.0.1 is in use"):
        await web.serve(port=server.port)
    await web.aclose()
    await (await serve(web, port=server.port)).aclose()  # free again at once


async def test_layers_around_the_site_are_served() -> None:
    web = hello()

    async def layer(scope: Scope, receive: Receive, send: Send) -> None:
        await web({**scope, "user": "ann"}, receive, send)

    @web.get("/me")
    async def me(ctx: Context) -> str:
        return str(ctx.user)

    server = await web.serve(app=layer)
    async with httpx.AsyncClient() as client:
        assert (await client.get(server.url + "/me")).text == "ann"
    await web.aclose()


async def test_open_stream_does_not_hold_the_server_up() -> None:
    web = hello()
    closed = asyncio.Event()

    @web.get("/stream")
    async def stream() -> Stream:
        async def chunks() -> AsyncIterator[bytes]:
            try:
                yield b"x"
                await asyncio.Event().wait()
            finally:
                closed.set()

        return Stream(chunks())

    server = await web.serve()
    async with httpx.AsyncClient() as client, client.stream("GET", server.url + "/stream") as reply:
        assert await anext(reply.aiter_bytes()) == b"x"
    await asyncio.wait_for(closed.wait(), 5)
    await asyncio.wait_for(web.aclose(), 8)


async def test_raw_nonsense_gets_an_answer_or_a_closed_connection() -> None:
    web = hello()
    server = await web.serve()
    for request in (
        b"GET //evil.example/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        b"GET http://evil.example/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        b"OPTIONS * HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        b"GET / HTTP/1.0\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\nConnection: close\r\n\r\n",
        b"\0\0\0\0\r\n\r\n",
    ):
        reader, writer = await asyncio.open_connection(server.host, server.port)
        writer.write(request)
        answer = await asyncio.wait_for(reader.read(), 5)
        assert answer.startswith(b"HTTP/1."), request
        assert b"evil.example" not in answer
        assert b" 500 " not in answer.split(b"\r\n")[0]
        writer.close()
        await writer.wait_closed()
    await web.aclose()
