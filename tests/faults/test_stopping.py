"""Ctrl-C and SIGTERM: soon, whole and without a word too many, whatever goes on."""

from __future__ import annotations

import signal
import socket
from contextlib import ExitStack
from typing import TYPE_CHECKING

import httpx
import pytest

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from .conftest import Demo

SLOW_POST = (
    b"POST /login HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n"
    b"Content-Length: 1000\r\n\r\nlogin="
)
WEBSOCKET = (
    b"GET /cable/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
    b"Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    b"Sec-WebSocket-Version: 13\r\n\r\n"
)
HALF_A_HEAD = b"GET / HT"


async def test_ctrl_c_in_the_middle_of_the_first_start_ends_it(
    demo: Callable[[], Demo], eventually: Callable[[Callable[[], bool]], Awaitable[None]]
) -> None:
    starting = demo()
    await eventually((starting.folder / "gists.db").exists)
    assert await starting.stopped(signal.SIGINT) == 0
    assert "Traceback" not in starting.output
    again = demo()
    await again.imported()
    assert await again.stopped(signal.SIGTERM) == 0
    again.assert_each_source_once()


async def test_open_connections_and_unfinished_requests_do_not_hold_it_up(
    demo: Callable[..., Demo], used_folder: Path
) -> None:
    busy = demo(used_folder, sources=400)
    async with busy.browser() as browser:
        address = (browser.base_url.host, browser.base_url.port or 80)
    with ExitStack() as opened:
        for sent in (SLOW_POST, WEBSOCKET, HALF_A_HEAD) * 2:
            client = opened.enter_context(socket.create_connection(address))
            client.sendall(sent)
        deaf = opened.enter_context(socket.create_connection(address))
        deaf.settimeout(0.2)
        with pytest.raises(TimeoutError):  # it never reads, until nobody can write any more
            while True:
                deaf.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 100)
        assert await busy.stopped(signal.SIGINT) == 0
    assert "Traceback" not in busy.output


async def test_a_second_ctrl_c_ends_it_at_once_and_loses_nothing(
    demo: Callable[..., Demo], used_folder: Path
) -> None:
    impatient = demo(used_folder, sources=2)
    async with impatient.browser():
        impatient.process.send_signal(signal.SIGINT)
        assert await impatient.stopped(signal.SIGINT) in (0, -signal.SIGINT)
    assert "Traceback" not in impatient.output
    impatient.assert_each_source_once()


async def test_nobody_reading_what_it_prints_is_no_reason_to_stop(
    demo: Callable[..., Demo],
    used_folder: Path,
    eventually: Callable[[Callable[[], bool]], Awaitable[None]],
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as found:
        port = found.getsockname()[1]
    unread = demo(used_folder, port=port, shell='exec "$@" > >(head -c 1)')

    def answers() -> bool:
        try:
            return httpx.get(f"http://127.0.0.1:{port}/").status_code == 200
        except httpx.ConnectError:
            return False

    await eventually(answers)
    assert await unread.stopped(signal.SIGTERM) == 0
    assert "BrokenPipe" not in unread.output
