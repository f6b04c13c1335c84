"""The ASGI face of a cable: what is let through to the engine, and how the rest is answered."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from ._origin import allowed
from ._wire import RESTART, TRY_LATER

if TYPE_CHECKING:
    from ._cable import Cable
    from .abc import Receive, Scope, Send

logger = logging.getLogger("mizzen.cable")

# The wording of Socket.IO servers (code 0), so that its clients show something they know.
WEBSOCKET_ONLY = b"""{"code":0,"message":"Transport unknown: this cable speaks websocket only; \
give the client transports: [\\"websocket\\"]"}"""


async def serve(cable: Cable, scope: Scope, receive: Receive, send: Send) -> None:
    """Serve one ASGI connection of any type."""
    if scope["type"] == "lifespan":
        await _lifespan(cable, receive, send)
    elif scope["type"] == "websocket":
        await _websocket(cable, scope, receive, send)
    else:
        await _http(*((400, WEBSOCKET_ONLY) if _here(cable, scope) else (404, b"{}")), send)


async def _websocket(cable: Cable, scope: Scope, receive: Receive, send: Send) -> None:
    server, limits = cable._server, cable._limits  # pyright: ignore[reportPrivateUsage]
    if server is None:
        return await _reject(receive, send, RESTART)
    if not _here(cable, scope):
        return await _reject(receive, send, 1000)
    if not allowed(scope, cable._origins):  # pyright: ignore[reportPrivateUsage]
        cable._counts["origins_refused_total"] += 1  # pyright: ignore[reportPrivateUsage]
        return await _reject(receive, send, 1008)
    if len(server.links) >= limits.connections:
        return await _reject(receive, send, TRY_LATER)
    if not any(name == b"upgrade" for name, _ in scope["headers"]):
        # HTTP/2 websockets have no such header; python-engineio looks for it.
        scope = {**scope, "headers": [*scope["headers"], (b"upgrade", b"websocket")]}
    await server.serve(scope, receive, send)


def _here(cable: Cable, scope: Scope) -> bool:
    """Return whether the path is the cable's, in the whole or below what a mount took off."""
    path, root = scope["path"].rstrip("/"), scope.get("root_path", "").rstrip("/")
    return cable.path.rstrip("/") in (path, root + path, path.removeprefix(root))


async def _reject(receive: Receive, send: Send, code: int) -> None:
    """Refuse a websocket before it is accepted; servers answer 403."""
    await receive()
    await send({"type": "websocket.close", "code": code})


async def _http(status: int, body: bytes, send: Send) -> None:
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _lifespan(cable: Cable, receive: Receive, send: Send) -> None:
    await receive()
    try:
        await cable.start()
    except Exception as exc:
        logger.exception("the cable did not start")
        return await send({"type": "lifespan.startup.failed", "message": str(exc)})
    await send({"type": "lifespan.startup.complete"})
    await receive()
    try:
        await cable.aclose()
    except Exception as exc:
        return await send({"type": "lifespan.shutdown.failed", "message": str(exc)})
    await send({"type": "lifespan.shutdown.complete"})
