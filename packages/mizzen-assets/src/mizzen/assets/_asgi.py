"""The ASGI face of a component that serves under a prefix: addresses and lifespan."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from ._errors import AssetsError

if TYPE_CHECKING:
    from ._serve import Receive, Scope, Send


class Startable(Protocol):
    """What a server's lifespan starts and ends."""

    async def start(self) -> object:
        """Begin."""
        ...

    async def aclose(self) -> None:
        """End."""
        ...


def asked_name(scope: Scope, prefix: str) -> str:
    """Return which file a request means, whether the mount left the prefix on or took it off.

    It is only ever a key of a table; "" when the path lies outside.
    """
    path: str = scope["path"]
    if path.startswith(prefix):
        return path[len(prefix) :]
    root: str = scope.get("root_path", "")
    if root and path.startswith(root):
        path = path[len(root) :]
    return path[len(prefix) :] if path.startswith(prefix) else path[1:]


async def lifespan(component: Startable, receive: Receive, send: Send) -> None:
    """Start and end with the server; a failed start is told in its words."""
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            try:
                await component.start()
            except AssetsError as error:
                await send({"type": "lifespan.startup.failed", "message": str(error)})
                return
            await send({"type": "lifespan.startup.complete"})
        else:
            await component.aclose()
            await send({"type": "lifespan.shutdown.complete"})
            return
