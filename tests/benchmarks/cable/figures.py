"""What a delivery and an acknowledged message cost, beside python-socketio under the same uvicorn.

The clients count bytes of raw sockets and parse nothing, so that they are not what is measured:
they take a multiple of what either server sends.
"""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from selectors import EVENT_READ, DefaultSelector
from typing import TYPE_CHECKING

from served import BURST, PAYLOAD
from table import Figure, alternate

if TYPE_CHECKING:
    from collections.abc import Iterator

SUBSCRIBERS = 200
ASKED = 2000


def measure() -> list[Figure]:
    """Return all figures; each server is a process of its own."""
    with ExitStack() as both:
        ours, peer = (both.enter_context(Audience(each)) for each in ("ours", "peer"))
        fan_out = alternate(ours.fan_out, peer.fan_out)
        acked = alternate(ours.acked, peer.acked)
        trip = alternate(ours.round_trip, peer.round_trip)
    name = "python-socketio"
    return [
        Figure(f"fan-out to {SUBSCRIBERS}, deliveries/s", *fan_out, name, 10, False),
        Figure("acked inbound, pipelined, messages/s", *acked, name, 8, False),
        Figure("round trip, µs", *trip, name, None),
    ]


class Audience:
    """A server, and clients that joined one topic of it."""

    def __init__(self, which: str) -> None:
        self._which = which

    def __enter__(self) -> Audience:
        self._open = ExitStack()
        port = self._open.enter_context(serving(self._which))
        self._clients = [client(port) for _ in range(SUBSCRIBERS)]
        self._lonely = client(port, join=False)
        self._lonely.sendall(frame('420["join","room:lonely"]'))
        until(self._lonely, b"430[")
        self._selector = DefaultSelector()
        for each in self._clients:
            self._selector.register(each, EVENT_READ)
        return self

    def __exit__(self, *_: object) -> None:
        for each in (*self._clients, self._lonely):
            each.close()
        self._selector.close()
        self._open.close()

    def fan_out(self) -> float:
        """Return deliveries a second while a burst goes to everyone."""
        text = f'42["said","{PAYLOAD}","room:1"]'
        message = len(text) + (2 if len(text) < 126 else 4)  # with the websocket's header
        missing = SUBSCRIBERS * BURST * message
        begun = time.perf_counter()
        self._clients[0].sendall(frame('42["blast","room:1"]'))
        while missing > 0:
            ready = self._selector.select(10)
            assert ready, f"{missing} bytes never came"
            for key, _ in ready:
                missing -= len(key.fileobj.recv(1 << 20))  # type: ignore[union-attr]
        return SUBSCRIBERS * BURST / (time.perf_counter() - begun)

    def acked(self) -> float:
        """Return messages a second that one client sends without waiting for each answer."""
        asked = b"".join(frame(f'42{n}["echo","room:lonely","x"]') for n in range(ASKED))
        begun = time.perf_counter()
        seen = b""
        for start in range(0, len(asked), 1 << 14):
            self._lonely.sendall(asked[start : start + (1 << 14)])
        while f"43{ASKED - 1}[".encode() not in seen[-400:]:
            seen += self._lonely.recv(1 << 20)
        return ASKED / (time.perf_counter() - begun)

    def round_trip(self) -> float:
        """Return the mean of the microseconds from a message to its acknowledgement."""
        begun = time.perf_counter()
        for number in range(500):
            self._lonely.sendall(frame(f'42{number}["echo","room:lonely","x"]'))
            until(self._lonely, f"43{number}[".encode())
        return (time.perf_counter() - begun) / 500 * 1e6


@contextmanager
def serving(which: str) -> Iterator[int]:
    """Run a server, and give its port."""
    script = str(Path(__file__).with_name("served.py"))
    process = subprocess.Popen([sys.executable, script, which], stdout=subprocess.PIPE)
    assert process.stdout is not None
    try:
        yield int(process.stdout.readline())
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def client(port: int, *, join: bool = True) -> socket.socket:
    """Connect a websocket by hand and join the topic."""
    plain = socket.create_connection(("127.0.0.1", port), timeout=20)
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    plain.sendall(
        b"GET /cable/?EIO=4&transport=websocket HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        b"Upgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    until(plain, b'"maxPayload"')
    plain.sendall(frame("40"))
    until(plain, b'40{"sid"')
    if join:
        plain.sendall(frame('420["join","room:1"]'))
        until(plain, b"430[")
    return plain


def until(plain: socket.socket, text: bytes) -> None:
    """Read until a text has come."""
    seen = b""
    while text not in seen:
        seen += plain.recv(1 << 16)


def frame(text: str) -> bytes:
    """Return a short text as a masked websocket frame, with a mask of zeros."""
    return bytes([0x81, 0x80 | len(text), 0, 0, 0, 0]) + text.encode()
