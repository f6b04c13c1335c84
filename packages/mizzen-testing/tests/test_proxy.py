"""The proxy between a client and an echo server, healthy and broken."""

from __future__ import annotations

import socket
import threading
import time
from typing import TYPE_CHECKING

import anyio
import pytest

from mizzen.testing import Proxy, TestingError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator


def echo(connection: socket.socket) -> None:
    with connection:
        try:
            while received := connection.recv(65536):
                connection.sendall(received)
        except OSError:
            pass  # a reset is what some of the tests are about


@pytest.fixture
def target() -> Generator[str]:
    """Return the address of a server that sends back what it is sent."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                threading.Thread(target=echo, args=[connection], daemon=True).start()

        threading.Thread(target=serve, daemon=True).start()
        yield f"127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def proxy(target: str) -> Generator[Proxy]:
    with Proxy(target) as proxy:
        yield proxy


def connect(proxy: Proxy) -> socket.socket:
    return socket.create_connection(("127.0.0.1", proxy.port), timeout=5)


def sent_back(client: socket.socket, message: bytes = b"hello") -> bytes:
    client.sendall(message)
    return client.recv(len(message))


def test_what_is_sent_arrives_and_so_does_the_end(proxy: Proxy) -> None:
    payload = bytes(range(256)) * 4096
    with connect(proxy) as client:
        threading.Thread(target=client.sendall, args=[payload]).start()
        received = b""
        while len(received) < len(payload):
            received += client.recv(65536)
        assert received == payload
        client.shutdown(socket.SHUT_WR)
        assert client.recv(1) == b""
    assert proxy.accepted_total == 1


def test_cut_resets_what_is_open_and_refuses_the_rest(proxy: Proxy) -> None:
    with connect(proxy) as client:
        assert sent_back(client) == b"hello"
        proxy.cut()
        with pytest.raises(ConnectionResetError):
            client.recv(1)
        assert proxy.connections == 0
        with pytest.raises(ConnectionRefusedError):
            connect(proxy)
    port = proxy.port
    proxy.heal()
    assert proxy.port == port
    with connect(proxy) as client:
        assert sent_back(client) == b"hello"


def test_black_hole_accepts_and_answers_nothing(proxy: Proxy) -> None:
    with connect(proxy) as lost, connect(proxy) as quiet:
        assert sent_back(lost) == sent_back(quiet) == b"hello"
        proxy.blackhole()
        with connect(proxy) as newcomer:
            for client in (lost, newcomer):
                client.settimeout(0.05)
                with pytest.raises(TimeoutError):
                    sent_back(client)
            proxy.heal()
            for client in (lost, newcomer):  # the bytes are gone, so that the connection must be
                with pytest.raises(ConnectionResetError):
                    client.recv(1)
        assert sent_back(quiet) == b"hello"


def test_delay_comes_on_top_of_each_way_and_goes_with_heal(proxy: Proxy) -> None:
    with connect(proxy) as client:
        assert sent_back(client) == b"hello"
        proxy.delay("30ms")
        start = time.monotonic()
        assert sent_back(client) == b"hello"
        assert time.monotonic() - start >= 0.06
        proxy.delay(60)
        proxy.heal()
        assert sent_back(client) == b"hello"


def test_bandwidth_holds_back_what_is_large(proxy: Proxy) -> None:
    proxy.bandwidth("100KB")
    with connect(proxy) as client:
        start = time.monotonic()
        assert sent_back(client, b"x" * 5000)
        assert time.monotonic() - start >= 0.1  # 5 kB there and back


def test_no_server_behind_it_is_a_reset() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and doesn't listen: nobody else can
        with (
            Proxy(f"127.0.0.1:{taken.getsockname()[1]}") as proxy,
            pytest.raises(ConnectionResetError),  # by the first byte, or while it still connects
            connect(proxy) as client,
        ):
            client.recv(1)


def test_url_keeps_all_but_the_address() -> None:
    with Proxy("postgresql://ann:p%40ss@db.invalid/app?sslmode=disable") as proxy:
        wanted = f"postgresql://ann:p%40ss@127.0.0.1:{proxy.port}/app?sslmode=disable"
        assert proxy.url == wanted
        assert "db.invalid:5432" in repr(proxy)
        assert "p%40ss" not in repr(proxy)


def test_target_without_a_port_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match="no host and port"):
        Proxy("localhost")


def test_proxy_that_is_not_running_says_so(target: str) -> None:
    proxy = Proxy(target)
    with pytest.raises(TestingError, match="not running"):
        proxy.cut()
    proxy.close()
    assert "not running" in repr(proxy)


async def test_fixture_may_be_awaited_and_used_in_a_loop(
    tcp_proxy: Callable[[str], Proxy], target: str
) -> None:
    proxy = await tcp_proxy(target)
    async with await anyio.connect_tcp("127.0.0.1", proxy.port) as client:
        await client.send(b"hello")
        assert await client.receive() == b"hello"
        proxy.cut()
        with pytest.raises(anyio.BrokenResourceError):
            await client.receive()


async def test_async_block_ends_the_proxy(target: str) -> None:
    async with Proxy(target) as proxy:
        port = proxy.port
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))
