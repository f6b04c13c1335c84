"""Channels: what a topic does when clients join it, talk to it and leave it."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, overload

from ._errors import Misconfigured
from ._payload import Binding

if TYPE_CHECKING:
    from ._connection import Connection
    from .abc import Params

Handler = TypeVar("Handler", bound=Callable[..., Awaitable[Any]])

RESERVED = {"join", "leave", "presence", "connect", "connect_error", "disconnect", "disconnecting"}
MARK = "__mizzen_cable_event__"


@overload
def event(name: Handler) -> Handler: ...
@overload
def event(name: str | None = None) -> Callable[[Handler], Handler]: ...
def event(name: Handler | str | None = None) -> Handler | Callable[[Handler], Handler]:
    """Make a method of a channel answer the event of its name (or of *name*).

    Its annotations are the shape of the payload; what it returns is the acknowledgement.
    """

    def mark(function: Handler) -> Handler:
        chosen = name if isinstance(name, str) else function.__name__
        if chosen in RESERVED:
            raise Misconfigured(f"{chosen!r} is the cable's own event; choose another name")
        if not is_async(function):
            raise Misconfigured(f"{function.__qualname__}: an event handler is an `async def`")
        setattr(function, MARK, chosen)
        return function

    return mark(name) if callable(name) else mark


def is_async(function: Callable[..., Any]) -> bool:
    """Return whether a call gives a coroutine (and don't narrow the type as `inspect` does)."""
    return inspect.iscoroutinefunction(function)


class Channel:
    """One client's subscription to one topic; subclass it and register it with `@cable.channel`.

    There is one instance for each connection and topic, so attributes last from join to leave.
    A subclass says who may join in `authorize`; there is no default, so that none is forgotten.
    """

    topic: str
    params: Params
    connection: Connection

    presence: ClassVar[bool] = True
    """Whether those who join are counted and announced as members."""

    _events: ClassVar[dict[str, tuple[str, Binding]]] = {}

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        namespace = sys._getframe(1).f_locals  # pyright: ignore[reportPrivateUsage]
        cls._events = dict(cls._events)
        for attribute, function in vars(cls).items():
            if name := getattr(function, MARK, None):
                cls._events[name] = attribute, Binding(function, namespace)

    async def authorize(self) -> bool:
        """Return whether `self.connection.identity` may join; every channel decides."""
        raise NotImplementedError

    async def on_join(self) -> None:
        """Run before the client is told that it is in; raise `Refused` to turn it away."""

    async def on_leave(self) -> None:
        """Run after the client left, or its connection ended for whatever reason."""

    async def broadcast(self, event: str, payload: object = None, *, others: bool = False) -> None:
        """Send an event to everyone in this topic, on every node, or to all `others`."""
        await self.connection.publish(self.topic, event, payload, others=others)

    async def reply(self, event: str, payload: object = None) -> None:
        """Send an event of this topic to this client only."""
        self.connection.deliver(event, payload, self.topic)
