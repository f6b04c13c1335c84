"""The test client: the whole cable, engine included, over in-memory ASGI instead of a network."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ._cable import TEST_USER
from ._errors import CableError, Refused

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from ._cable import Cable
    from .abc import Identity


@dataclass(frozen=True, slots=True)
class Received:
    """An event as a client got it."""

    event: str
    payload: Any
    topic: str | None


@dataclass(frozen=True, slots=True)
class User:
    """An identity for tests."""

    id: str
    name: str | None = None


class Closed(CableError):
    """The connection has ended: reconnect, or expect it in the test."""


class Tester:
    """Runs a cable for a test (unless it runs already) and connects clients to it."""

    def __init__(self, cable: Cable) -> None:
        self._cable, self._clients = cable, list[Client]()
        self._started = False

    async def __aenter__(self) -> Self:
        self._started = self._cable._owner is None  # pyright: ignore[reportPrivateUsage]
        await self._cable.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for client in self._clients:
            await client.close()
        if self._started:
            await self._cable.aclose()

    async def connect(
        self,
        user: Identity | str | None = None,
        *,
        headers: dict[str, str] | None = None,
        auth: object = None,
        identify: bool = False,
    ) -> Client:
        """Connect a client as *user*; with `identify=True` the cable's own `identify` decides."""
        sent = {"host": "testserver", **(headers or {})}
        scope: dict[str, Any] = {
            "type": "websocket",
            "path": self._cable.path + "/",
            "query_string": b"EIO=4&transport=websocket",
            "headers": [(key.lower().encode(), text.encode()) for key, text in sent.items()],
        }
        if not identify:
            scope[TEST_USER] = User(user) if isinstance(user, str) else user
        client = Client(self._cable, scope)
        self._clients.append(client)
        await client.open(auth)
        return client


class Client:
    """A client in memory; everything it waits for arrives within *patience* seconds or fails."""

    def __init__(self, cable: Cable, scope: dict[str, Any], patience: float = 2.0) -> None:
        self._cable, self._scope, self._patience = cable, scope, patience
        self._inbound: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._events: asyncio.Queue[Received | None] = asyncio.Queue()
        self._acks: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._numbers = itertools.count()
        self._opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._task: asyncio.Task[None] | None = None
        self.frames: deque[str] = deque(maxlen=1000)
        self.close_code: int | None = None

    async def open(self, auth: object = None) -> None:
        """Connect; raises `Refused` if the cable doesn't want to."""
        self._inbound.put_nowait({"type": "websocket.connect"})
        self._task = asyncio.create_task(self._run(), name="mizzen.cable test client")
        self.send_frame("40" + ("" if auth is None else json.dumps(auth)))
        await asyncio.wait_for(self._opened, self._patience)

    async def join(self, topic: str) -> list[dict[str, Any]]:
        """Join a topic and return its members; raises `Refused`."""
        members: list[dict[str, Any]] = (await self._ask("join", topic))["members"]
        return members

    async def leave(self, topic: str) -> None:
        """Leave a topic; raises `Refused`."""
        await self._ask("leave", topic)

    async def send(self, topic: str, event: str, *payload: object) -> Any:
        """Send an event and return its acknowledgement; raises `Refused`."""
        return (await self._ask(event, topic, *payload)).get("data")

    async def receive(self) -> Received:
        """Return the next event; `TimeoutError` if none comes, `Closed` if none can."""
        received = await asyncio.wait_for(self._events.get(), self._patience)
        if received is None:
            self._events.put_nowait(None)
            raise Closed(f"the connection has ended with code {self.close_code}")
        return received

    def received(self) -> list[Received]:
        """Return the events that are here already."""
        waiting: list[Received] = []
        while not self._events.empty() and (received := self._events.get_nowait()) is not None:
            waiting.append(received)
        return waiting

    def send_frame(self, text: str) -> None:
        """Send a raw frame, however wrong."""
        self._inbound.put_nowait({"type": "websocket.receive", "text": text})

    async def closed(self) -> int | None:
        """Wait until the cable has ended the connection, and return the close code."""
        if self._task is not None:
            await asyncio.wait_for(asyncio.shield(self._task), self._patience)
        return self.close_code

    async def close(self) -> None:
        """Go away, and wait until the cable has noticed."""
        self._inbound.put_nowait({"type": "websocket.disconnect", "code": 1001})
        if self._task is not None:
            await asyncio.wait([self._task], timeout=self._patience)

    async def _ask(self, event: str, *arguments: object) -> dict[str, Any]:
        number = next(self._numbers)
        future = self._acks[number] = asyncio.get_running_loop().create_future()
        self.send_frame(f"42{number}{json.dumps([event, *arguments])}")
        answer: dict[str, Any] = await asyncio.wait_for(future, self._patience)
        if not answer["ok"]:
            raise Refused(answer["code"], answer["error"])
        return answer

    async def _run(self) -> None:
        try:
            await self._cable(self._scope, self._inbound.get, self._take)
        finally:
            gone = Closed(f"the connection has ended with code {self.close_code}")
            waiting: list[asyncio.Future[Any]] = [self._opened, *self._acks.values()]
            for future in waiting:
                if not future.done():
                    future.set_exception(gone)
                    future.exception()
            self._events.put_nowait(None)

    async def _take(self, message: Any) -> None:
        if message["type"] == "websocket.close":
            self.close_code = message.get("code", 1000)
        elif message["type"] == "websocket.send":
            self.frames.append(message["text"])
            self._understand(message["text"])

    def _understand(self, text: str) -> None:
        if text == "2":
            self.send_frame("3")
        elif text.startswith("40") and not self._opened.done():
            self._opened.set_result(None)
        elif text.startswith("44") and not self._opened.done():
            refusal = json.loads(text[2:])
            self._opened.set_exception(Refused(refusal["data"]["code"], refusal["message"]))
        elif text.startswith("42"):
            self._events.put_nowait(Received(*json.loads(text[2:])))
        elif text.startswith("43"):
            bracket = text.index("[")
            future = self._acks.pop(int(text[2:bracket]), None)
            if future is not None and not future.done():
                future.set_result(json.loads(text[bracket:])[0])
