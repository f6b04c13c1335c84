"""Which waiting jobs to claim: by priority, in turns, and only through open gates.

The jobs without a key are one line; each combination of keys is another. Lines of one priority
take turns, and a tenant with many jobs at work already waits until the others have caught up.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from heapq import heapify, heappop, heapreplace
from typing import TYPE_CHECKING

from ..abc import Step

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ..abc import Claimed, Gate

SEPARATOR = "\x1f"
_AHEAD = 50  # jobs of one line in one claim

Place = tuple[int, int]  # of a job in its line: its priority, its id


@dataclass
class Line:
    """The first jobs that wait under the same keys, in the order in which they would run."""

    kind: str
    limit_key: str | None
    rate_key: str | None
    fair_key: str | None
    jobs: Sequence[Place]

    @property
    def is_limited(self) -> bool:
        """Whether its jobs are claimed only to start at once; if not, they merely take turns."""
        return self.limit_key is not None or self.rate_key is not None


def reach(gate: str, room: int) -> int:
    """How many jobs of a line to look at: those that only take turns may be claimed ahead."""
    return _AHEAD if gate.startswith(SEPARATOR * 2) else max(1, room)


@dataclass
class Usage:
    """What the keys have used up, by key: jobs at work, starts within the period."""

    running: dict[str, int] = field(default_factory=dict[str, int])
    started: dict[str, int] = field(default_factory=dict[str, int])
    at_work: dict[str, int] = field(default_factory=dict[str, int])

    def note(self, limit_key: str | None, fair_key: str | None, count: int = 1) -> None:
        """Count jobs at work under these keys."""
        if limit_key is not None:
            self.running[limit_key] = self.running.get(limit_key, 0) + count
        if fair_key is not None:
            self.at_work[fair_key] = self.at_work.get(fair_key, 0) + count


@dataclass
class Claim:
    """Jobs that a worker holds, when a rate limit lets the next one go, and `Step.crowded`."""

    jobs: list[Claimed]
    next_start: float | None = None
    crowded: bool = False

    @classmethod
    def of(
        cls, jobs: list[Claimed], lines: Sequence[Line], room: int, times: Sequence[float]
    ) -> Claim:
        """Return the claim of *jobs* out of *lines* and others."""
        crowded = len(jobs) >= room and any(line.is_limited for line in lines)
        return cls(jobs, min(times, default=None), crowded)

    def step(self, refused: set[int], next_due: float | None) -> Step:
        """Return what the step brought, all in all."""
        times = [time for time in (next_due, self.next_start) if time is not None]
        return Step(self.jobs, refused, min(times, default=None), self.crowded)


def admit(
    ready: Sequence[Place],
    lines: Sequence[Line],
    kinds: Mapping[str, Gate],
    usage: Usage,
    *,
    want: int,
    room: int,
) -> tuple[list[int], set[str]]:
    """Return up to *want* ids in the order of their starts, and the rate keys that held some back.

    A limited job is admitted only while fewer than *room* jobs come before it. Updates *usage*.
    """
    chosen: list[int] = []
    held_back: set[str] = set()
    whose: list[Line | None] = [None, *lines]
    queues: list[Sequence[Place]] = [ready, *(line.jobs for line in lines)]
    # A job's turn is the number of jobs that its tenant has had before it.
    heap = [
        (-jobs[0][0], _at_work(whose[number], usage), jobs[0][1], number, 0)
        for number, jobs in enumerate(queues)
        if jobs
    ]
    heapify(heap)
    while heap and len(chosen) < want:
        _, turn, id, number, index = heap[0]
        line, jobs = whose[number], queues[number]
        if line is not None and (
            (line.is_limited and len(chosen) >= room)
            or not _passes(line, kinds[line.kind], usage, held_back)
        ):
            heappop(heap)
            continue
        chosen.append(id)
        if index + 1 == len(jobs):
            heappop(heap)
            continue
        priority, following = jobs[index + 1]
        turn = turn + 1 if line is None else _at_work(line, usage)
        heapreplace(heap, (-priority, turn, following, number, index + 1))
    return chosen, held_back


def _passes(line: Line, gate: Gate, usage: Usage, held_back: set[str]) -> bool:
    limit, rate, fair = line.limit_key, line.rate_key, line.fair_key
    if limit is not None and gate.running and usage.running.get(limit, 0) >= gate.running:
        return False
    if rate is not None and gate.starts and usage.started.get(rate, 0) >= gate.starts:
        held_back.add(rate)
        return False
    if rate is not None:
        usage.started[rate] = usage.started.get(rate, 0) + 1
    usage.note(limit, fair)
    return True


def _at_work(line: Line | None, usage: Usage) -> int:
    if line is None or line.fair_key is None:
        return 0
    return usage.at_work.get(line.fair_key, 0)
