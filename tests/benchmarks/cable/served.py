"""The servers that are compared: ours, and plain python-socketio; both under uvicorn.

python served.py ours|peer
"""

from __future__ import annotations

import sys
from typing import Any

import uvicorn

PAYLOAD = "x" * 100
BURST = 50


def ours() -> Any:
    """Return a cable; "blast" publishes a burst, "echo" acknowledges."""
    from mizzen.cable import Cable, Channel, Limits, event

    cable = Cable(limits=Limits(rate=1e9, burst=10**9, pending=10**6, backlog="1GB"))

    @cable.channel("room:{id}")
    class Room(Channel):
        presence = False

        async def authorize(self) -> bool:
            return True

        @event
        async def blast(self) -> None:
            for _ in range(BURST):
                await self.broadcast("said", PAYLOAD)

        @event
        async def echo(self, text: str) -> str:
            return text

    return cable


def peer() -> Any:
    """Return the same on python-socketio as its documentation shows it."""
    import socketio

    server = socketio.AsyncServer(async_mode="asgi", transports=["websocket"])

    @server.on("join")
    async def join(sid: str, topic: str) -> dict[str, bool]:
        await server.enter_room(sid, topic)
        return {"ok": True}

    @server.on("blast")
    async def blast(sid: str, topic: str) -> None:
        for _ in range(BURST):
            await server.emit("said", (PAYLOAD, topic), room=topic)

    @server.on("echo")
    async def echo(sid: str, topic: str, text: str) -> dict[str, Any]:
        return {"ok": True, "data": text}

    return socketio.ASGIApp(server, socketio_path="/cable")


if __name__ == "__main__":
    app = ours() if sys.argv[1] == "ours" else peer()
    config = uvicorn.Config(app, port=0, log_level="critical", ws_per_message_deflate=False)

    class Server(uvicorn.Server):
        """Says where it listens."""

        async def startup(self, sockets: Any = None) -> None:
            """Start, and print the port."""
            await super().startup(sockets)
            print(self.servers[0].sockets[0].getsockname()[1], flush=True)

    Server(config).run()
