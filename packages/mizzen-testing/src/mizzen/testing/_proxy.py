"""A TCP proxy that stands between a program and its server, and fails on command."""

from __future__ import annotations

import re
from contextlib import ExitStack
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

from ._errors import TestingError
from ._units import Duration, Size, seconds, size

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Generator

    from anyio.from_thread import BlockingPortal

    from ._relay import Relay

DATABASES = {"postgresql": 5432, "redis": 6379, "rediss": 6379, "nats": 4222, "mysql": 3306}
USUAL_PORTS = {**DATABASES, "http": 80, "https": 443, "ws": 80, "wss": 443}


class Proxy:
    """Forwards a port of 127.0.0.1 to a target, given as a URL or as `host:port`.

    It works in a thread and event loop of its own, so that plain and async code may use it alike
    and a test that blocks its own loop doesn't hold it up. A fault has happened when its call
    returns.
    """

    def __init__(self, target: str) -> None:
        self._target = target
        self._host, self._port = where(target)
        self._relay: Relay | None = None
        self._portal: BlockingPortal | None = None
        self._open = ExitStack()

    @property
    def url(self) -> str:
        """The target as it was written, with the proxy's address in the place of its own."""
        mine = f"127.0.0.1:{self.port}"
        if "://" not in self._target:
            return mine
        netloc = urlsplit(self._target).netloc
        user, at, _ = netloc.rpartition("@")
        return self._target.replace(f"//{netloc}", f"//{user}{at}{mine}", 1)

    @property
    def port(self) -> int:
        """The port that the proxy listens on."""
        return self._running().port

    @property
    def connections(self) -> int:
        """How many connections are open through the proxy now."""
        return len(self._running().connections)

    @property
    def accepted_total(self) -> int:
        """How many connections it has accepted since its start: a count of reconnects."""
        return self._running().accepted_total

    def delay(self, duration: Duration) -> None:
        """Let each byte arrive this much later, each way: a round trip takes twice as long."""
        self._running().delay = seconds(duration)

    def bandwidth(self, per_second: Size) -> None:
        """Let at most so many bytes a second through, for each connection and each way."""
        self._running().bandwidth = size(per_second)

    def cut(self) -> None:
        """Reset all open connections, and refuse new ones."""
        self._call(self._running().cut)

    def blackhole(self) -> None:
        """Keep connections open and accept new ones, but drop all that is sent, either way."""
        self._call(self._running().blackhole)

    def heal(self) -> None:
        """Forward faithfully again. Connections that lost bytes in a black hole are reset."""
        self._call(self._running().heal)

    def start(self) -> Self:
        """Listen on a free port; starting twice is fine."""
        if self._relay is None:
            from anyio.from_thread import start_blocking_portal

            from ._relay import Relay

            relay = Relay(self._host, self._port)
            with ExitStack() as opened:
                self._portal = opened.enter_context(start_blocking_portal(name="mizzen-proxy"))
                opened.enter_context(self._portal.wrap_async_context_manager(relay.running()))
                self._open = opened.pop_all()
            self._relay = relay
        return self

    def close(self) -> None:
        """Reset what is open and stop listening; may be called twice."""
        self._relay = None
        self._open.close()

    def _running(self) -> Relay:
        if self._relay is None:
            raise TestingError("The proxy is not running; use `with Proxy(target)`, or `start()`.")
        return self._relay

    def _call(self, change: Callable[[], Coroutine[object, object, None]]) -> None:
        assert self._portal is not None
        self._portal.call(change)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self.start()

    async def __aexit__(self, *exc_info: object) -> None:
        self.close()

    def __await__(self) -> Generator[None, None, Self]:
        """Do nothing: `await tcp_proxy(url)` reads well where all the rest is awaited."""
        yield from ()
        return self

    def __repr__(self) -> str:
        target = f"{self._host}:{self._port}"
        if self._relay is None:
            return f"<mizzen.testing.Proxy to {target}: not running>"
        return f"<mizzen.testing.Proxy {self.port} to {target}: {self.connections} connections>"


def where(target: str) -> tuple[str, int]:
    """Read host and port from a URL or from `host:port`."""
    address = urlsplit(target if "://" in target else f"tcp://{target}")
    port = address.port or USUAL_PORTS.get(re.sub(r"\+.*", "", address.scheme))
    if not address.hostname or not port:
        raise ValueError(f"{target!r} names no host and port, such as 127.0.0.1:6379")
    return address.hostname, port
