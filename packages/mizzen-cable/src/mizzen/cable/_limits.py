"""How much one client may ask for."""

from __future__ import annotations

import time
from dataclasses import dataclass

from ._units import Duration, Size, seconds, size


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds per connection (and `connections` per node); beyond them a client gets an error code.

    payload: bytes of one frame from a client; a longer one ends the connection.
    topics: subscriptions at once. rate, burst: messages a second, and at once.
    pending: messages waiting for a handler. backlog: bytes waiting for a slow client.
    handshake: how long a client may take to introduce itself.
    """

    payload: Size = "256KB"
    topics: int = 100
    rate: float = 50.0
    burst: int = 200
    pending: int = 100
    backlog: Size = "4MB"
    handshake: Duration = "10s"
    connections: int = 50_000

    @property
    def payload_bytes(self) -> int:
        """Return the payload limit in bytes."""
        return size(self.payload)

    @property
    def backlog_bytes(self) -> int:
        """Return the backlog limit in bytes."""
        return size(self.backlog)

    @property
    def handshake_seconds(self) -> float:
        """Return the handshake limit in seconds."""
        return seconds(self.handshake)


class Allowance:
    """A token bucket that also counts how far a client overdraws it."""

    __slots__ = ("_at", "_burst", "_rate", "_tokens", "overdrawn")

    def __init__(self, rate: float, burst: int) -> None:
        self._rate, self._burst = rate, float(burst)
        self._tokens, self._at = float(burst), time.monotonic()
        self.overdrawn = 0

    def take(self) -> bool:
        """Use one token; False if there is none, which counts as overdrawn."""
        now = time.monotonic()
        self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate)
        self._at = now
        if self._tokens < 1:
            self.overdrawn += 1
            return False
        self._tokens -= 1
        if self._tokens > self._burst / 2:
            self.overdrawn = 0
        return True
