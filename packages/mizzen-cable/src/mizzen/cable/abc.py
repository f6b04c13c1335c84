"""The protocols a broker, an identity and an application meet."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any, Protocol

Scope = MutableMapping[str, Any]
"""An ASGI connection scope."""

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class Identity(Protocol):
    """Who is at the other end: any object with an `id`, and a `name` if others should see one."""

    @property
    def id(self) -> str:
        """Return what tells this person from others, on all their devices."""
        ...


Identify = Callable[[Scope], Awaitable[Identity | None]]
"""Tells who connects, from the ASGI scope (cookies, headers); None is an anonymous guest."""


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody present in a topic, on `devices` connections over all nodes."""

    id: str
    name: str | None = None
    devices: int = 1


class Receiver(Protocol):
    """What a node offers its broker; the first two are called in order and must not block."""

    def on_message(self, subject: str, data: bytes) -> None:
        """Take a message published on a subject this node subscribed to."""
        ...

    def on_presence(self, subject: str, member: Member, device: str) -> None:
        """Learn how many devices a member has now, after *device* came or went; 0 means gone."""
        ...

    async def on_return(self) -> None:
        """Learn that messages may have been missed: the broker is back after it was away."""
        ...


class Broker(Protocol):
    """Carries messages and presence between nodes; `BrokerContract` in `testing` proves one.

    Delivery is at most once and in order per subject; a node hears what it publishes itself.
    """

    async def start(self, receiver: Receiver) -> None:
        """Connect, and deliver to *receiver* from now on; raises `Unavailable`."""
        ...

    async def aclose(self) -> None:
        """Take this node's members out of every subject and disconnect; bounded in time."""
        ...

    async def publish(self, subject: str, data: bytes) -> None:
        """Hand the message over for delivery; raises `Unavailable` if that fails."""
        ...

    async def subscribe(self, subject: str) -> None:
        """Want a subject from now on, and return once it is live; `Unavailable` if it isn't yet."""
        ...

    async def unsubscribe(self, subject: str) -> None:
        """Stop wanting a subject."""
        ...

    async def enter(self, subject: str, member: Member, device: str) -> None:
        """Make a member present on one more device; the same device twice counts once."""
        ...

    async def leave(self, subject: str, member: Member, device: str) -> None:
        """Take one device of a member away; unknown ones are ignored. Never lost in an outage."""
        ...

    async def members(self, subject: str) -> list[Member]:
        """Return who is present, over all nodes."""
        ...

    async def health(self) -> str:
        """Return "ok", or what is wrong in words; never raises."""
        ...


Params = Mapping[str, str]
"""The values a topic pattern found in a topic."""
