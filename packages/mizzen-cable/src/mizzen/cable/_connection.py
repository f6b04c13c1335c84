"""One client: its identity, its subscriptions, and its messages handled one after the other."""

from __future__ import annotations

import logging
import secrets
from collections import deque
from typing import TYPE_CHECKING, Any, Protocol

from . import _wire as wire
from ._errors import Refused, Unavailable
from ._limits import Allowance
from ._payload import MISSING
from .abc import Member

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from ._channel import Channel
    from ._limits import Limits
    from ._link import Link
    from .abc import Identity, Scope

    Spawn = Callable[[Callable[[], Coroutine[Any, Any, None]]], None]

logger = logging.getLogger("mizzen.cable")


class Home(Protocol):
    """What a connection asks of the node it lives on."""

    @property
    def spawn(self) -> Spawn:
        """Run something in the background, for as long as the cable runs."""
        ...

    async def join(self, connection: Connection, topic: object) -> list[Member]:
        """Let the connection into a topic and return who is there, or raise `Refused`."""
        ...

    async def leave(self, connection: Connection, topic: object) -> None:
        """Take the connection out of a topic."""
        ...

    async def publish(self, topic: str, event: str, payload: object, skip: str) -> None:
        """Send an event to everyone in a topic but the connection *skip*."""
        ...

    def refused(self) -> None:
        """Count a request that was answered with an error."""
        ...


class Connection:
    """A connected client; `channel.connection` in a handler."""

    def __init__(self, link: Link, identity: Identity | None, home: Home, limits: Limits) -> None:
        self.id: str = secrets.token_urlsafe(9)  # the session's id is a secret of the client
        self.identity: Identity | None = identity
        self.channels: dict[str, Channel] = {}
        self._link, self._home = link, home
        self._limits = limits
        self._allowance = Allowance(limits.rate, limits.burst)
        self._inbox: deque[tuple[int | None, list[Any]]] = deque()
        self._working = False

    @property
    def scope(self) -> Scope:
        """Return the ASGI scope of the websocket."""
        return self._link.scope

    @property
    def closed(self) -> bool:
        """Return whether the client is gone."""
        return self._link.closed

    @property
    def member(self) -> Member:
        """Return how this client appears to others; a guest is a member of its own."""
        if self.identity is None:
            return Member("~" + self.id)
        name: object = getattr(self.identity, "name", None)
        return Member(str(self.identity.id), None if name is None else str(name))

    @property
    def topics(self) -> list[str]:
        """Return the topics this client is in."""
        return list(self.channels)

    def deliver(self, event: str, payload: object = None, topic: str | None = None) -> None:
        """Send an event to this client only, without waiting for it to arrive."""
        self._link.write(wire.event_frame(event, payload, topic).decode())

    def write(self, frame: str) -> None:
        """Send a frame that is already encoded."""
        self._link.write(frame)

    async def publish(self, topic: str, event: str, payload: object, *, others: bool) -> None:
        """Send an event to everyone in a topic, or everyone else."""
        await self._home.publish(topic, event, payload, self.id if others else "")

    def close(self, reason: str = "closed by the server", code: int = wire.NORMAL) -> None:
        """End the connection."""
        self._link.end(code, reason)

    def __repr__(self) -> str:
        who = "guest" if self.identity is None else f"user {self.member.id}"
        return f"<mizzen.cable.Connection {self.id}: {who} in {len(self.channels)} topics>"

    def take(self, number: int | None, arguments: list[Any]) -> None:
        """Queue a client's message behind those before it, within the limits."""
        if not self._allowance.take():
            if self._allowance.overdrawn > self._limits.burst:
                self._link.end(wire.POLICY, "rate limit")
            self._refuse(number, Refused("rate_limited", "too many messages; slow down"))
        elif len(self._inbox) >= self._limits.pending:
            self._refuse(number, Refused("busy", "earlier messages are still being handled"))
        else:
            self._inbox.append((number, arguments))
            if not self._working:
                self._working = True
                self._home.spawn(self._work)

    def dismiss(self, channels: list[Channel]) -> None:
        """Run `on_leave` of these channels once the running handler is through; drop what waits."""
        self._inbox.clear()

        async def leave() -> None:
            for channel in channels:
                await bid_farewell(channel)

        self._farewell = leave
        if not self._working:
            self._working = True
            self._home.spawn(self._work)

    _farewell: Callable[[], Coroutine[Any, Any, None]] | None = None

    async def _work(self) -> None:
        try:
            while self._inbox and not self.closed:
                number, arguments = self._inbox.popleft()
                try:
                    answer = await self._answer(arguments[0], arguments[1:])
                    if number is not None:
                        self._link.write(wire.ack_frame(number, {"ok": True, **answer}))
                except Exception as exc:
                    self._refuse(number, as_refusal(exc, arguments[0]))
        finally:
            self._working = False
        if self._farewell is not None:
            farewell, self._farewell = self._farewell, None
            await farewell()

    async def _answer(self, event: str, arguments: list[Any]) -> dict[str, Any]:
        topic = arguments[0] if arguments else None
        if event == "join":
            return {"members": await self._home.join(self, topic)}
        if event == "leave":
            await self._home.leave(self, topic)
            return {}
        channel = self.channels.get(topic) if isinstance(topic, str) else None
        if channel is None:
            raise Refused("not_joined", "join the topic first")
        if event not in channel._events:  # pyright: ignore[reportPrivateUsage]
            raise Refused("unknown_event", "this channel has no such event")
        if len(arguments) > 2:
            raise Refused("bad_payload", "an event carries one payload")
        method, binding = channel._events[event]  # pyright: ignore[reportPrivateUsage]
        bound = binding.arguments(arguments[1] if len(arguments) > 1 else MISSING)
        return {"data": await getattr(channel, method)(**bound)}

    def _refuse(self, number: int | None, refused: Refused) -> None:
        self._home.refused()
        if number is not None:
            answer = {"ok": False, "code": refused.code, "error": refused.error}
            self._link.write(wire.ack_frame(number, answer))


def as_refusal(exc: Exception, event: str) -> Refused:
    """Return what the client is told; only refusals are shown to it, the rest goes to the log."""
    if isinstance(exc, Refused):
        return exc
    if isinstance(exc, Unavailable):
        return Refused("unavailable", "try again later")
    logger.error("the handler of %r failed", event, exc_info=exc)
    return Refused("failed", "the server failed to handle this message")


async def bid_farewell(channel: Channel) -> None:
    """Run a channel's `on_leave`; its failure must not keep the others from theirs."""
    try:
        await channel.on_leave()
    except Exception:
        logger.exception("on_leave of %r failed", channel.topic)
