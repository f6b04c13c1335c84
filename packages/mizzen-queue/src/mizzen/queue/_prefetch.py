"""How many jobs to claim ahead: enough to never wait for the store, no more than that."""

from __future__ import annotations

_AHEAD = 0.05  # seconds of work to hold in advance: some tens of steps' length
_MOST = 500  # of trivial jobs; what a crash makes suspects of
_MEMORY = 0.1  # weight of the newest duration


class Prefetch:
    """Sizes claims by the measured duration of jobs."""

    def __init__(self, concurrency: int) -> None:
        self._concurrency = concurrency
        self._duration = _AHEAD  # unknown yet: one job ahead for each runner

    def learn(self, duration: float) -> None:
        """A job took *duration* seconds."""
        self._duration += _MEMORY * (duration - self._duration)

    @property
    def ahead(self) -> int:
        """Jobs to hold beyond those that run; none when they take long."""
        return min(_MOST, int(self._concurrency * _AHEAD / max(self._duration, 1e-5)))

    def want(self, ready: int, idle: int) -> int:
        """How many to claim when *ready* jobs wait and *idle* runners have none.

        Never a trickle: less than a quarter of the reserve isn't worth a transaction.
        """
        room = idle + self.ahead - ready
        return room if room > 0 and (idle or room * 4 >= self.ahead) else 0
