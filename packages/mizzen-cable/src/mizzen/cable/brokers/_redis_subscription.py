"""One Redis connection that listens, and that comes back: reconnect, resubscribe, then say so."""

# mypy: disable-error-code="no-untyped-call"
# pyright: reportUnknownMemberType=false

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import random
import time
from typing import TYPE_CHECKING, Any

import anyio
from redis.exceptions import RedisError

from .._errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable

    from redis.asyncio.connection import AbstractConnection

logger = logging.getLogger("mizzen.cable")

AWAY = (RedisError, OSError, TimeoutError)


class Subscription:
    """Keeps the wanted channels subscribed over whatever happens to the connection.

    *on_up* runs each time every wanted channel is live again. A connection that stays silent for
    two *silence* periods, although it is pinged, is given up.
    """

    def __init__(
        self,
        connect: Callable[[], AbstractConnection],
        on_message: Callable[[str, bytes], None],
        on_up: Callable[[], Awaitable[None]],
        silence: float = 3.0,
    ) -> None:
        self._connect, self._on_message, self._on_up = connect, on_message, on_up
        self._silence = silence
        self._wanted: dict[str, None] = {}
        self._asked: set[str] = set()
        self._live: dict[str, asyncio.Event] = {}
        self._changed = asyncio.Event()
        self._up = False
        self._heard = 0.0
        self._down_since = time.monotonic()
        self._trouble: BaseException | None = None

    @property
    def trouble(self) -> str | None:
        """Return what is wrong, in words, or None while messages flow."""
        if self._up:
            return None
        since = time.monotonic() - self._down_since
        return f"away for {since:.1f} s: {self._trouble or 'connecting'!r}"

    async def add(self, channel: str, patience: float = 3.0) -> None:
        """Want a channel, and return once it is live; raises `Unavailable` while that can't be."""
        self._wanted[channel] = None
        self._changed.set()
        if not self._up:
            raise Unavailable(f"the broker is {self.trouble}")
        try:
            await asyncio.wait_for(self._liveness(channel).wait(), patience)
        except TimeoutError as exc:
            raise Unavailable(f"the broker did not confirm a subscription: {channel}") from exc

    def discard(self, channel: str) -> None:
        """Stop wanting a channel."""
        self._wanted.pop(channel, None)
        self._changed.set()

    async def run(self) -> None:
        """Listen until cancelled, reconnecting with jittered backoff."""
        pause = 0.05
        while True:
            try:
                async with self._connected() as connection:
                    pause = 0.05
                    await self._listen(connection)
            except* (*AWAY, Unavailable) as group:
                self._fall(group.exceptions[0])
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311
            pause = min(pause * 2, 3.0)

    def _fall(self, exc: Exception) -> None:
        if self._up:
            logger.warning("the broker went away: %r", exc)
            self._down_since = time.monotonic()
        self._up, self._trouble = False, exc
        self._asked.clear()
        self._live.clear()

    @contextlib.asynccontextmanager
    async def _connected(self) -> AsyncGenerator[AbstractConnection]:
        connection = self._connect()
        try:
            await connection.connect()
            yield connection
        finally:
            with contextlib.suppress(*AWAY), anyio.move_on_after(1, shield=True):
                await connection.disconnect(nowait=True)

    async def _listen(self, connection: AbstractConnection) -> None:
        self._heard = time.monotonic()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._read, connection)
            tasks.start_soon(self._ask, connection)
            tasks.start_soon(self._ping, connection)
            async with asyncio.timeout(10):
                for channel in list(self._wanted):
                    if channel in self._wanted:
                        await self._liveness(channel).wait()
            self._up, self._trouble = True, None
            await self._on_up()

    async def _read(self, connection: AbstractConnection) -> None:
        while True:
            kind, channel, data = parts(await connection.read_response(timeout=math.inf))
            self._heard = time.monotonic()
            if kind == b"message":
                if (name := channel.decode()) in self._wanted:
                    self._on_message(name, data)
            elif kind == b"subscribe":
                self._liveness(channel.decode()).set()

    async def _ask(self, connection: AbstractConnection) -> None:
        while True:
            self._changed.clear()
            more, less = self._wanted.keys() - self._asked, self._asked - self._wanted.keys()
            if more:
                self._asked |= more
                await connection.send_command("SUBSCRIBE", *more)
            if less:
                self._asked -= less
                for channel in less:
                    self._live.pop(channel, None)
                await connection.send_command("UNSUBSCRIBE", *less)
            if self._wanted.keys() == self._asked:
                await self._changed.wait()

    async def _ping(self, connection: AbstractConnection) -> None:
        while True:
            await asyncio.sleep(self._silence)
            if time.monotonic() - self._heard > 2 * self._silence:
                raise TimeoutError("the broker is silent")
            await connection.send_command("PING")

    def _liveness(self, channel: str) -> asyncio.Event:
        return self._live.setdefault(channel, asyncio.Event())


def parts(reply: Any) -> tuple[bytes, bytes, Any]:
    """Return kind, channel and content of what Redis says; the answer to a ping has none."""
    kind, channel, data = reply if len(reply) == 3 else (b"", b"", None)
    return kind, channel, data
