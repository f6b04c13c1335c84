"""Where the ready jobs begin in PostgreSQL's index, while a claim after the other is full.

While somebody holds an old snapshot, the index keeps an entry for each job that was claimed since,
and a claim has to look at all of them: 15 ms for 100,000. So the next one starts behind the last,
in the same queues and kinds, and only now and then where the index begins.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..abc import Claimed

_FEWEST = 100  # jobs of a claim that is worth the trouble
_AT_LEAST, _SHARE = 0.2, 20  # seconds from one look at all to the next, and how much longer than it


class Floor:
    """Remembers for one worker."""

    def __init__(self) -> None:
        self._id, self._until, self._asked_at = 0, 0.0, 0.0
        self._pairs: list[tuple[str, str]] = []

    def ask(self, want: int) -> dict[str, object]:
        """What the next claim of *want* jobs has to know: its floor, 0 for all, and where."""
        self._asked_at = time.monotonic()
        if want < _FEWEST or self._asked_at > self._until:
            self._id, self._pairs = 0, []
        queues, kinds = ([pair[place] for pair in self._pairs] for place in (0, 1))
        return {"floor": self._id, "near_queues": queues, "near_kinds": kinds}

    def learn(self, claimed: Sequence[Claimed], want: int) -> bool:
        """Whether to look again at once, as there may be more below the floor."""
        now, had_floor = time.monotonic(), self._id > 0
        if want < _FEWEST or len(claimed) < want:
            self._id, self._pairs = 0, []
            return had_floor
        if not had_floor:
            self._until = now + max(_AT_LEAST, _SHARE * (now - self._asked_at))
            self._pairs = sorted({(job.queue, job.kind) for job in claimed})
        self._id = max(self._id, *(job.id for job in claimed))
        return False
