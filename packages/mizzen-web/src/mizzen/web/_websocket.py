"""The client's end of a WebSocket that an ASGI app serves in process."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .abc import ASGIApp, Message, Scope


class Socket:
    """An open WebSocket; receiving waits no longer than the client's timeout."""

    def __init__(self, app: ASGIApp, scope: Scope, timeout: float) -> None:
        self._timeout = timeout
        self._to_app: asyncio.Queue[Message] = asyncio.Queue()
        self._from_app: asyncio.Queue[Message] = asyncio.Queue()

        async def run() -> None:
            await app(scope, self._to_app.get, self._from_app.put)

        self._run = run
        self._task: asyncio.Task[None] | None = None
        self._closed = False

    async def open(self) -> None:
        """Shake hands."""
        self._task = asyncio.create_task(self._run())
        self._task.add_done_callback(lambda _: self._from_app.put_nowait({"type": "end"}))
        self._to_app.put_nowait({"type": "websocket.connect"})
        answer = await self._next()
        if answer["type"] != "websocket.accept":
            raise ConnectionRefusedError(f"the app refused the WebSocket: {answer['type']}")

    async def send_text(self, text: str) -> None:
        """Send a text message."""
        await self._to_app.put({"type": "websocket.receive", "text": text})

    async def send_bytes(self, data: bytes) -> None:
        """Send a binary message."""
        await self._to_app.put({"type": "websocket.receive", "bytes": data})

    async def send_json(self, value: Any) -> None:
        """Send a value as JSON text."""
        await self.send_text(json.dumps(value))

    async def receive_text(self) -> str:
        """Return the next message; a close by the app raises ConnectionResetError."""
        return str((await self._message())["text"])

    async def receive_bytes(self) -> bytes:
        """Return the next binary message."""
        return bytes((await self._message())["bytes"])

    async def receive_json(self) -> Any:
        """Return the next message's JSON value."""
        return json.loads(await self.receive_text())

    async def aclose(self) -> None:
        """Say goodbye, and wait until the app has taken it."""
        if self._closed:
            return
        self._closed = True
        self._to_app.put_nowait({"type": "websocket.disconnect", "code": 1000})
        if self._task is not None:
            await asyncio.wait([self._task], timeout=self._timeout)
            self._task.cancel()
            await asyncio.wait([self._task])
            if not self._task.cancelled():
                self._task.exception()

    async def _message(self) -> Message:
        message = await self._next()
        if message["type"] != "websocket.send":
            raise ConnectionResetError(f"the app ended the WebSocket: {message.get('code', '')}")
        return message

    async def _next(self) -> Message:
        message = await asyncio.wait_for(self._from_app.get(), self._timeout)
        if message["type"] == "end" and self._task is not None and not self._task.cancelled():
            failure = self._task.exception()
            if failure is not None:
                raise failure
        return message
