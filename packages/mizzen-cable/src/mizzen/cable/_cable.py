"""The cable: an ASGI app for Socket.IO clients, and what a program publishes through."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, TypeVar

from . import _display
from ._channel import Channel
from ._errors import Misconfigured, NotStarted
from ._limits import Limits
from ._topics import Pattern
from ._units import Duration, seconds

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from types import TracebackType
    from typing import Self

    from ._connection import Connection
    from ._engine import Server
    from ._node import Node
    from ._owner import Owner
    from ._tester import Tester
    from .abc import Broker, Identify, Identity, Member, Receive, Scope, Send
    from .notebook import View

ChannelType = TypeVar("ChannelType", bound=type[Channel])

TEST_USER = "mizzen.cable.user"
"""Scope key by which the test client says who it is; no header can set a scope key."""


class Cable:
    """Channels, presence and broadcast over WebSocket, on one node or many.

    *identify* tells who connects from the ASGI scope (by default, whatever an outer layer left in
    `scope["user"]`); *origins* lists the sites whose pages may connect (by default, the one that is
    asked). A client must answer a ping within *ping_timeout*. The cable runs on asyncio.
    """

    def __init__(
        self,
        url: str | Broker = "memory:",
        *,
        identify: Identify | None = None,
        path: str = "/cable",
        origins: Collection[str] | None = None,
        limits: Limits | None = None,
        ping_interval: Duration = 25,
        ping_timeout: Duration = 20,
        grace: Duration = 3,
    ) -> None:
        from .brokers import open_broker

        self.path: str = "/" + path.strip("/")
        self._broker = open_broker(url) if isinstance(url, str) else url
        self._shown = _display.masked(url) if isinstance(url, str) else type(url).__name__
        self._identify, self._limits = identify, limits or Limits()
        self._origins = [origins] if isinstance(origins, str) else origins
        self._ping = seconds(ping_interval), seconds(ping_timeout)
        self._grace = seconds(grace)
        self._routes: dict[str, tuple[Pattern, type[Channel]]] = {}
        self._counts: Counter[str] = Counter()
        self._node: Node | None = None
        self._server: Server[Connection] | None = None
        self._owner: Owner | None = None

    def channel(self, pattern: str) -> Callable[[ChannelType], ChannelType]:
        """Register a channel class for the topics of a pattern such as `"room:{id}"`.

        Doing so again, as when a notebook cell is run again, replaces the earlier class.
        """
        compiled = Pattern(pattern)

        def register(kind: ChannelType) -> ChannelType:
            if kind.authorize is Channel.authorize:
                raise Misconfigured(
                    f"{kind.__name__} lets nobody in: give it `async def authorize(self) -> bool`"
                )
            name = (kind.__module__, kind.__qualname__)
            for text, (_, other) in list(self._routes.items()):
                if other is not kind and (other.__module__, other.__qualname__) == name:
                    del self._routes[text]
            self._routes[pattern] = compiled, kind
            return kind

        return register

    async def publish(self, topic: str, event: str, payload: object = None) -> None:
        """Send an event to every client that joined the topic, on every node.

        *payload* is anything msgspec encodes as JSON (also dataclasses, datetimes, UUIDs). Raises
        `Unavailable` while the broker is away.
        """
        await self._running().publish(topic, event, payload)

    async def send(self, user: str, event: str, payload: object = None) -> None:
        """Send an event to all connections of one user, on every node; its topic is null."""
        from . import _wire as wire
        from ._node import user_subject

        self._running()
        frame = wire.event_frame(event, payload, None)
        await self._broker.publish(user_subject(user), wire.message(frame))

    async def disconnect(self, user: str) -> None:
        """End all connections of one user, on every node, as after signing out."""
        from . import _wire as wire
        from ._node import user_subject

        self._running()
        await self._broker.publish(user_subject(user), wire.GOODBYE)

    async def presence(self, topic: str) -> list[Member]:
        """Return who is in a topic, over all nodes."""
        from ._node import topic_subject

        self._running()
        return await self._broker.members(topic_subject(topic))

    def test(self) -> Tester:
        """Return an in-memory test client: `async with cable.test() as t: await t.connect()`."""
        from ._tester import Tester

        return Tester(self)

    async def start(self) -> Self:
        """Connect to the broker and begin to accept clients; doing so twice is harmless."""
        if self._owner is not None:
            self._owner.check()
            return self
        from ._engine import Server
        from ._node import Node
        from ._owner import Owner

        owner = Owner()
        node = Node(
            self._broker,
            route=self._route,
            introduce=self._introduce,
            spawn=owner.spawn,
            limits=self._limits,
            counts=self._counts,
        )
        await self._broker.start(node)
        await owner.open()
        self._owner, self._node = owner, node
        self._server = Server(node, self._limits, *self._ping)
        owner.keep_running(self._pulse)
        return self

    async def aclose(self) -> None:
        """Close every connection, let handlers finish within the grace, and leave the broker.

        Clients are told that the service restarts (1012), so they come back by themselves. Raises
        a failure of background work that nobody has seen yet.
        """
        if self._owner is None or self._node is None:
            return
        from ._wire import RESTART

        owner, node = self._owner, self._node
        self._owner = self._node = self._server = None
        try:
            await node.empty(RESTART, "restarting", self._grace)
            await owner.close(self._grace)
        finally:
            await self._broker.aclose()
        owner.check()

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection: websockets at `path`, and the lifespan of a server."""
        from . import _asgi

        await _asgi.serve(self, scope, receive, send)

    async def health(self) -> dict[str, object]:
        """Return whether clients can be served and messages travel; never raises."""
        if self._owner is None:
            return {"ok": False, "detail": {"cable": "not started"}}
        broker = await self._broker.health()
        return {"ok": broker == "ok", "detail": {"broker": broker}}

    def stats(self) -> dict[str, float]:
        """Return counters (`…_total`) and gauges of this node."""
        node = self._node
        names = ["connections", "joins", "published", "received", "deliveries", "refused"]
        counters = [f"{name}_total" for name in [*names, "slow_clients", "origins_refused"]]
        return {
            "connections": float(len(node.connections) if node else 0),
            "topics": float(len(node.rooms) if node else 0),
            **{name: float(self._counts[name]) for name in counters},
        }

    def view(self, every: float = 0.5) -> View:
        """Return a live view for a notebook; text and HTML elsewhere."""
        from .notebook import View

        return View(self, every)

    def __repr__(self) -> str:
        return _display.line(self._facts())

    def _repr_html_(self) -> str:
        return _display.table(self._facts())

    def _facts(self) -> dict[str, object]:
        stats = self.stats()
        facts: dict[str, object] = {"broker": self._shown}
        if self._node is None:
            return {"broker": f"{self._shown} not started", "channels": len(self._routes)}
        return facts | {
            "channels": len(self._routes),
            "connections": int(stats["connections"]),
            "topics": int(stats["topics"]),
            "deliveries": int(stats["deliveries_total"]),
        }

    def _running(self) -> Node:
        if self._owner is None or self._node is None:
            raise NotStarted(
                "the cable isn't running: call `await cable.start()` or use `async with`"
            )
        self._owner.check()
        return self._node

    def _route(self, topic: str) -> tuple[type[Channel], dict[str, str]] | None:
        ranked = sorted(self._routes.values(), key=lambda route: not route[0].literal)
        for pattern, kind in ranked:
            if (params := pattern.match(topic)) is not None:
                return kind, params
        return None

    async def _introduce(self, scope: Scope) -> Identity | None:
        if TEST_USER in scope:
            user: Identity | None = scope[TEST_USER]
            return user
        if self._identify is not None:
            return await self._identify(scope)
        left: Any = scope.get("user")
        return left if hasattr(left, "id") else None

    async def _pulse(self) -> None:
        import asyncio
        import time

        while self._server is not None:
            self._server.beat(time.monotonic())
            await asyncio.sleep(min(1.0, self._ping[0] / 4, self._limits.handshake_seconds / 4))
