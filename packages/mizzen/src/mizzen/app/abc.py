"""What the umbrella asks of a component: a shape, met structurally, never a base class."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any, Protocol, runtime_checkable

__all__ = ["ASGIApp", "Component", "Message", "Receive", "Scope", "Send", "is_component"]

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


@runtime_checkable
class Component(Protocol):
    """Built without I/O; started and closed by the app; tells how it is."""

    async def start(self) -> object:
        """Open what the component needs; a second call changes nothing."""
        ...

    async def aclose(self) -> None:
        """Close it, in bounded time; a second call changes nothing."""
        ...

    async def health(self) -> Mapping[str, object]:
        """Return `{"ok": bool, "detail": {dependency: "ok" or what is wrong}}`; never raise."""
        ...

    def stats(self) -> Mapping[str, float]:
        """Return flat counters (`…_total`) and gauges, without I/O."""
        ...


def is_component(thing: object) -> bool:
    """Tell whether *thing* has the shape."""
    return isinstance(thing, Component)


class ASGIApp(Protocol):
    """Anything that answers an ASGI scope."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send, /) -> None:
        """Serve one connection."""
        ...
