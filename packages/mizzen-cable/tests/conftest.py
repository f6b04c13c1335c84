from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING, Any

import pytest

from mizzen.cable import Cable, Channel, event

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def add_rooms(cable: Cable) -> Cable:
    """Give a cable the channel that most tests talk to."""

    @cable.channel("room:{id}")
    class Room(Channel):
        async def authorize(self) -> bool:
            return self.params["id"] != "secret"

        @event
        async def say(self, text: str) -> int:
            await self.broadcast("said", {"text": text}, others=True)
            return len(text)

        @event
        async def echo(self, value: object) -> object:
            return value

        @event
        async def kick(self) -> None:
            self.connection.close()

        @event
        async def fail(self) -> None:
            raise RuntimeError("a secret detail")

    return cable


@pytest.fixture
def rooms() -> Cable:
    """A cable in memory with rooms, not started."""
    return add_rooms(Cable())


@pytest.fixture
def with_rooms() -> Callable[[Cable], Cable]:
    return add_rooms


@pytest.fixture
async def serve() -> AsyncIterator[Callable[[Any], Awaitable[str]]]:
    """Serve ASGI apps with real uvicorn servers on free ports of this machine."""
    import uvicorn

    class Server(uvicorn.Server):
        @contextlib.contextmanager
        def capture_signals(self) -> Any:
            yield

    running: list[tuple[Server, asyncio.Task[None]]] = []

    async def start(app: Any) -> str:
        config = uvicorn.Config(app, port=0, log_level="error", timeout_graceful_shutdown=2)
        server = Server(config)
        task = asyncio.create_task(server.serve())
        running.append((server, task))
        while not server.started:  # noqa: ASYNC110
            await asyncio.sleep(0.005)
        return f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"

    yield start
    for server, task in running:
        server.should_exit = True
        await asyncio.wait_for(task, 10)


@pytest.fixture
def eventually() -> Callable[..., Awaitable[None]]:
    """Wait until a condition holds, plain or async; fail after some seconds."""

    async def eventually(condition: Callable[[], Any], patience: float = 5) -> None:
        deadline = time.monotonic() + patience
        while True:
            held = condition()
            if await held if asyncio.iscoroutine(held) else held:
                return
            assert time.monotonic() < deadline, "it did not come about"
            await asyncio.sleep(0.01)

    return eventually
