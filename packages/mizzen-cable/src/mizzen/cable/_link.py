"""The link to one client: an ASGI websocket with a bounded writer, a heartbeat and an end."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from typing import TYPE_CHECKING, Any

import anyio

from . import _wire as wire
from ._errors import Refused

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from ._limits import Limits
    from .abc import Receive, Scope, Send


TOO_SLOW = "too slow"


class Link:
    """One Engine.IO session over one websocket; python-engineio keeps it in its table."""

    # So that python-engineio refuses whoever comes with this session's id instead of a new one.
    connected: bool = True
    upgraded: bool = True

    def __init__(self, sid: str, scope: Scope, limits: Limits) -> None:
        self.sid: str = sid
        self.scope: Scope = scope
        self.closed: bool = False
        self.greeted: bool = False
        self.code: int = wire.NORMAL
        self.reason: str = ""
        self._limit: int = limits.payload_bytes
        self._room: int = limits.backlog_bytes
        self._patience: float = limits.handshake_seconds
        self._outbox: deque[str] = deque()
        self._backlog: int = 0
        self._wake: asyncio.Event = asyncio.Event()
        self._life: anyio.CancelScope | None = None
        self._goodbye: tuple[int, str] | None = None
        self._opened: float = time.monotonic()
        self._heard: float = self._opened
        self._pinged: float | None = None

    def write(self, frame: str) -> bool:
        """Queue a frame without waiting; a client that lets too much pile up is cut off (False)."""
        if self.closed:
            return False
        self._backlog += len(frame)
        if self._backlog > self._room:
            self.end(wire.TRY_LATER, TOO_SLOW)
            return False
        self._outbox.append(frame)
        self._wake.set()
        return True

    def end(self, code: int, reason: str) -> None:
        """Close the websocket soon with this code; what is still queued is not sent."""
        if not self.closed:
            self.closed, self.code, self.reason = True, code, reason
            if self._life is not None:
                self._life.cancel()

    def finish(self, code: int, reason: str) -> None:
        """Close the websocket with this code once everything queued is sent."""
        self._goodbye = code, reason
        self._wake.set()

    def beat(self, now: float, interval: float, timeout: float) -> None:
        """Ping the client when it is time, and give up on one that doesn't answer."""
        if not self.greeted and now - self._opened > self._patience:
            self.end(wire.POLICY, "no introduction")
        elif self._pinged is not None:
            if now - self._pinged > timeout:
                self.end(wire.POLICY, "ping timeout")
        elif now - self._heard >= interval:
            self._pinged = now
            self.write(wire.PING)

    async def run(
        self, receive: Receive, send: Send, inbound: Callable[[str], Awaitable[None]]
    ) -> None:
        """Carry frames both ways until either side ends it."""
        await send({"type": "websocket.accept"})
        try:
            async with anyio.create_task_group() as tasks:
                self._life = tasks.cancel_scope
                if self.closed:
                    self._life.cancel()
                tasks.start_soon(self._write, send)
                await self._read(receive, inbound)
                self.closed = True
                self._life.cancel()
        finally:
            self.closed = True
        # A peer that reads nothing must not hold this task: the goodbye is optional.
        with contextlib.suppress(Exception), anyio.move_on_after(1):
            await send({"type": "websocket.close", "code": self.code, "reason": self.reason})

    async def _read(self, receive: Receive, inbound: Callable[[str], Awaitable[None]]) -> None:
        while not self.closed:
            event = await receive()
            if event["type"] != "websocket.receive":
                self.reason = "transport close"
                return
            try:
                frame = self._checked(event)
                if frame[0] == wire.MESSAGE:
                    await inbound(frame[1:])
                elif frame[0] == wire.PONG:
                    self._heard, self._pinged = time.monotonic(), None
                elif frame[0] == wire.CLOSE:
                    return
            except Refused as refused:
                self.end(
                    wire.TOO_BIG if refused.code == "too_large" else wire.POLICY, refused.error
                )

    def _checked(self, event: Any) -> str:
        text = event.get("text")
        if not text or text[0] not in "123456":
            raise Refused("bad_frame", "not an Engine.IO text frame")
        if len(text) > self._limit or (
            len(text) * 4 > self._limit and len(text.encode()) > self._limit
        ):
            raise Refused("too_large", f"frames are limited to {self._limit} bytes")
        return str(text)

    async def _write(self, send: Send) -> None:
        try:
            while True:
                while self._outbox:
                    frame = self._outbox.popleft()
                    await send({"type": "websocket.send", "text": frame})
                    self._backlog -= len(frame)
                if self._goodbye:
                    return self.end(*self._goodbye)
                self._wake.clear()
                await self._wake.wait()
        except (OSError, RuntimeError) as exc:  # how ASGI servers say that the client went away
            self.end(wire.INTERNAL, f"transport error: {type(exc).__name__}")

    async def send(self, packet: Any) -> None:
        """Queue an Engine.IO packet."""
        self.write(str(packet.encode()))

    async def close(
        self, wait: bool = True, abort: bool = False, reason: str | None = None
    ) -> None:
        """End the link; the arguments are those of python-engineio's socket."""
        self.end(wire.NORMAL, reason or "server disconnect")
