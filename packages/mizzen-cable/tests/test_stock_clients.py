"""Stock Socket.IO clients against a real server, and clients that misbehave on the network."""

from __future__ import annotations

import asyncio
import base64
import os
import socket
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

# pyright: reportMissingTypeStubs=false, reportUnknownLambdaType=false
from mizzen.cable import Cable, Limits

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

pytestmark = [pytest.mark.extra("uvicorn"), pytest.mark.extra("aiohttp")]

Connect = Any
Serve = Any


@pytest.fixture
async def connect() -> AsyncIterator[Connect]:
    """Connect python-socketio's own client; what it hears is in its `heard` queue."""
    import socketio

    clients: list[Any] = []

    async def connect(url: str, **options: Any) -> Any:
        client: Any = socketio.AsyncClient(reconnection=False)
        client.heard = asyncio.Queue()
        client.on("*", lambda *heard: client.heard.put_nowait(heard))
        clients.append(client)
        options = {"socketio_path": "/cable", "transports": ["websocket"], **options}
        await client.connect(url, **options)
        return client

    yield connect
    for client in clients:
        await client.disconnect()
        if client.eio.http is not None:
            await client.eio.http.close()


async def hear(client: Any) -> Any:
    return await asyncio.wait_for(client.heard.get(), 5)


async def test_the_python_client_interoperates(
    rooms: Cable, serve: Serve, connect: Connect
) -> None:
    url = await serve(rooms)
    ann, bob = await connect(url), await connect(url)
    joined = await ann.call("join", "room:1")
    assert joined["ok"] is True
    assert len(joined["members"]) == 1
    await bob.call("join", "room:1")
    name, change, topic = await hear(ann)
    assert (name, len(change["joined"]), change["members"]) == ("presence", 1, 2)
    assert topic == "room:1"
    assert await ann.call("say", ("room:1", "hello")) == {"ok": True, "data": 5}
    assert await hear(bob) == ("said", {"text": "hello"}, "room:1")
    await rooms.publish("room:1", "changed", {"title": "ä ☃ 𝄞"})
    assert await hear(ann) == ("changed", {"title": "ä ☃ 𝄞"}, "room:1")
    refused = await ann.call("join", "room:secret")
    assert (refused["ok"], refused["code"]) == (False, "forbidden")
    assert (await ann.call("leave", "room:1"))["ok"] is True
    await ann.emit("say", ("room:1", "no acknowledgement wanted"))
    await bob.disconnect()
    assert await ann.call("echo", ("room:1", 1)) == {
        "ok": False,
        "code": "not_joined",
        "error": "join the topic first",
    }


async def test_identity_comes_from_the_request(serve: Serve, connect: Connect) -> None:
    class User:
        def __init__(self, id: str) -> None:
            self.id = self.name = id

    async def identify(scope: Any) -> User | None:
        cookie = dict(scope["headers"]).get(b"cookie", b"").decode()
        return User(cookie.partition("user=")[2]) if cookie else None

    cable = Cable(identify=identify)
    url = await serve(cable)
    await connect(url, headers={"Cookie": "user=ann"})
    ann = await connect(url, headers={"Cookie": "user=ann"})
    await cable.send("ann", "notice", 1)
    assert await hear(ann) == ("notice", 1, None)


async def test_another_namespace_and_polling_are_refused(
    rooms: Cable, serve: Serve, connect: Connect
) -> None:
    from socketio.exceptions import ConnectionError

    url = await serve(rooms)
    with pytest.raises(ConnectionError):
        await connect(url, namespaces=["/admin"], wait_timeout=2)
    with pytest.raises(ConnectionError):
        await connect(url, transports=["polling"])
    with pytest.raises(ConnectionError):
        await connect(url, headers={"Origin": "https://evil.example"})


async def raw(url: str, *, receive_buffer: int | None = None) -> socket.socket:
    """Open a websocket by hand, introduce the client, and return its socket."""
    there = urlsplit(url)
    plain = socket.socket()
    if receive_buffer:
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    plain.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(plain, (there.hostname, there.port))
    key = base64.b64encode(os.urandom(16)).decode()
    await loop.sock_sendall(
        plain,
        f"GET /cable/?EIO=4&transport=websocket HTTP/1.1\r\nHost: {there.netloc}\r\n"
        f"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: {key}\r\n"
        "Sec-WebSocket-Version: 13\r\n\r\n".encode(),
    )
    await until(plain, b'"maxPayload"')
    await loop.sock_sendall(plain, text_frame("40"))
    await until(plain, b'40{"sid"')
    return plain


async def until(plain: socket.socket, text: bytes) -> bytes:
    seen = b""
    async with asyncio.timeout(5):
        while text not in seen:
            more = await asyncio.get_running_loop().sock_recv(plain, 65536)
            assert more, f"the server closed before {text!r}: {seen!r}"
            seen += more
    return seen


def text_frame(text: str) -> bytes:
    """Return a short text as a masked websocket frame, with a mask of zeros."""
    data = text.encode()
    assert len(data) < 126
    return bytes([0x81, 0x80 | len(data), 0, 0, 0, 0]) + data


async def test_one_who_reads_nothing_is_cut_off_and_the_others_get_everything(
    with_rooms: Callable[[Cable], Cable], serve: Serve, connect: Connect
) -> None:
    cable = with_rooms(Cable(limits=Limits(backlog="256KB")))
    url = await serve(cable)
    ann, stuck = await connect(url), await raw(url, receive_buffer=4096)
    await ann.call("join", "room:1")
    await asyncio.get_running_loop().sock_sendall(stuck, text_frame('420["join","room:1"]'))
    await until(stuck, b"430[")
    assert (await hear(ann))[0] == "presence"
    for number in range(150):
        await cable.publish("room:1", "big", [number, "x" * 50_000])
        name, (heard, _), _ = await hear(ann)
        assert (name, heard) == ("big", number)
    name, change, _ = await hear(ann)
    assert (name, change["members"]) == ("presence", 1)
    assert cable.stats()["slow_clients_total"] == 1
    assert cable.stats()["connections"] == 1
    stuck.close()


async def test_one_who_vanishes_without_a_word_is_noticed(
    with_rooms: Callable[[Cable], Cable], serve: Serve, connect: Connect
) -> None:
    cable = with_rooms(Cable(ping_interval=0.2, ping_timeout=0.2))
    url = await serve(cable)
    ann, gone = await connect(url), await raw(url)
    await ann.call("join", "room:1")
    await asyncio.get_running_loop().sock_sendall(gone, text_frame('420["join","room:1"]'))
    await until(gone, b"430[")
    assert (await hear(ann))[1]["members"] == 2
    name, change, _ = await hear(ann)  # it answers no ping, as if its network were gone
    assert (name, change["members"], len(change["left"])) == ("presence", 1, 1)
    gone.close()


async def test_garbage_on_the_wire_harms_nobody_else(
    rooms: Cable, serve: Serve, connect: Connect, eventually: Callable[..., Awaitable[None]]
) -> None:
    url = await serve(rooms)
    ann = await connect(url)
    await ann.call("join", "room:1")
    loop = asyncio.get_running_loop()
    for garbage in (
        b"\xff\xff\xff\xff",
        bytes([0x81, 0x05]) + b"42[[[",  # not masked
        bytes([0x81, 0x80 | 4, 0, 0, 0, 0]) + b"4\xff\xfe\xfd",  # not UTF-8
        bytes([0x82, 0x80 | 4, 0, 0, 0, 0]) + b"4\x00\x01\x02",  # binary
        bytes([0xF1, 0x80 | 1, 0, 0, 0, 0]) + b"2",  # reserved bits
        text_frame("garbage"),
    ):
        eve = await raw(url)
        await loop.sock_sendall(eve, garbage)
        async with asyncio.timeout(5):  # the server says goodbye (0x88), or just hangs up
            while (seen := await loop.sock_recv(eve, 65536)) and seen[0] != 0x88:
                pass
        eve.close()
    await eventually(lambda: rooms.stats()["connections"] == 1)
    assert await ann.call("echo", ("room:1", 1)) == {"ok": True, "data": 1}


async def test_many_come_and_go_at_random_and_nothing_is_left_over(
    rooms: Cable, serve: Serve, eventually: Callable[..., Awaitable[None]]
) -> None:
    url = await serve(rooms)
    loop = asyncio.get_running_loop()

    async def visit(number: int) -> None:
        visitor = await raw(url)
        await loop.sock_sendall(visitor, text_frame(f'42{number}["join","room:1"]'))
        if number % 2:
            await until(visitor, b"43%d[" % number)
        if number % 3 == 0:
            visitor.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # a reset
        visitor.close()

    for round in range(4):
        await asyncio.gather(*(visit(round * 25 + number) for number in range(25)))
    await eventually(lambda: rooms.stats()["connections"] == rooms.stats()["topics"] == 0)
    assert await rooms.presence("room:1") == []
