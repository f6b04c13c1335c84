"""What a store keeps of schedules, and what is told of them.

No `from __future__ import annotations` here: msgspec looks the types of fields up in the module
that a class says it is from, and these say the public one.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol, runtime_checkable

from msgspec import Struct

from .abc import Inserted, NewJob

__all__ = ["Planned", "ScheduleInfo", "Scheduled"]

REMEMBERED = 2 * 86400.0  # how long a store knows what was fired


class Planned(Struct, frozen=True):
    """A schedule on record: its times count from `since`; `last_at` is the one fired last."""

    name: str
    since: float
    paused: bool = False
    last_at: float | None = None
    last_job: int | None = None


class ScheduleInfo(Struct, frozen=True):
    """A schedule, as it stands: `last_fire` made the job `last_job`; paused ones have no next."""

    name: str
    when: str
    tz: str | None
    kind: str
    args: str
    paused: bool
    last_fire: datetime | None
    last_job: int | None
    next_fire: datetime | None


@runtime_checkable
class Scheduled(Protocol):
    """A store that keeps schedules; what it promises is in `mizzen.queue.testing_schedules`."""

    async def plan(self, specs: Mapping[str, str]) -> Sequence[Planned]:
        """Put schedules on record, by name, from now on; one with another spec begins anew.

        Returns those, in any order.
        """
        ...

    async def planned(self) -> Sequence[Planned]:
        """All schedules on record, in any order."""
        ...

    async def fire(self, name: str, at: float, job: NewJob) -> Inserted | None:
        """Commit *job* as the one for the time *at*.

        None, and nothing is stored, when one was fired for that time (it may be forgotten two
        days later), or when the schedule is paused or not on record.
        """
        ...

    async def hold(self, name: str, paused: bool) -> bool:
        """Pause a schedule, or let it go on from now; False when it is not on record."""
        ...
