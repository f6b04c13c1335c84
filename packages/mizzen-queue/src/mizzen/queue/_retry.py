"""When a failed job runs again: exponential backoff, capped, with jitter."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ._units import Duration, seconds

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Retry"]


@dataclass(frozen=True)
class Retry:
    """At most *max* attempts; the pause doubles from *base* up to *cap*, ± *jitter* of itself.

    Jitter keeps a thousand jobs that failed together from coming back together.
    """

    max: int = 5
    base: Duration = 1.0
    cap: Duration = 3600.0
    jitter: float = 0.2

    def __post_init__(self) -> None:
        if self.max < 1:
            raise ValueError(f"Retry(max={self.max}): a job needs at least one attempt")
        if not 0 <= self.jitter <= 1:
            raise ValueError(f"Retry(jitter={self.jitter}): it is a fraction from 0 to 1")
        for pause in (self.base, self.cap):
            seconds(pause)  # unreadable ones fail here, and not after a job did

    def pause(self, attempt: int, draw: Callable[[], float] = random.random) -> float:
        """Seconds to wait after failed attempt number *attempt* (from 1)."""
        cap = seconds(self.cap)
        # 2**1000 overflows a float: past 60 doublings the cap has long been reached.
        pause = min(cap, seconds(self.base) * 2.0 ** min(attempt - 1, 60))
        return min(cap, pause * (1 + self.jitter * (2 * draw() - 1)))
