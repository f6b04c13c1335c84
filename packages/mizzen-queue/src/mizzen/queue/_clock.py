"""Clocks for tests: one that goes on and can be moved, and one that stands still."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from ._units import Duration, seconds

__all__ = ["Clock", "FrozenClock"]


class Clock:
    """A clock that moves when told to: `Clock()` is now, `advance(10)` ten seconds later."""

    def __init__(self) -> None:
        self._ahead = 0.0

    def __call__(self) -> float:
        return time.time() + self._ahead

    def advance(self, duration: Duration) -> None:
        """Let that much time pass at once: `10`, `"1h"`, a timedelta."""
        self._ahead += seconds(duration)

    def now(self) -> datetime:
        """Its time, in UTC."""
        return datetime.fromtimestamp(self(), UTC)


class FrozenClock(Clock):
    """A clock that stands still, from *at* (or now) on, until it is told to move."""

    def __init__(self, at: datetime | float | None = None) -> None:
        super().__init__()
        self.set(time.time() if at is None else at)

    def __call__(self) -> float:
        return self._at + self._ahead

    def set(self, at: datetime | float) -> None:
        """Stand at that time, which may lie behind."""
        self._at, self._ahead = at.timestamp() if isinstance(at, datetime) else at, 0.0
