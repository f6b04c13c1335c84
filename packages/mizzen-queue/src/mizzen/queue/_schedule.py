"""A schedule: a job that is enqueued again and again, and its times."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from ._errors import BadSchedule
from ._scheduled import ScheduleInfo
from ._times import Cron, Every, last_before, zone
from ._units import Duration, seconds

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ._job import Call
    from ._scheduled import Planned
    from ._times import Times
    from .abc import NewJob

__all__ = ["Missed", "Schedule"]

Missed = Literal["last", "all"]


class Schedule:
    """A job that is enqueued again and again; made by `Queue.schedule` and `Queue.cron`."""

    def __init__(
        self,
        name: str,
        call: Call[Any],
        line: str | None,
        *,
        every: Duration | None,
        tz: str,
        misfire: Duration | None,
        missed: Missed,
    ) -> None:
        if not 0 < len(name) <= 200 or not name.isprintable():
            raise BadSchedule(f"{name!r} is no name: it must be a line of at most 200 characters")
        if (line is None) == (every is None):
            raise BadSchedule(f"{name!r}: give it a crontab line, or every=; one of the two")
        if missed not in ("last", "all"):
            raise BadSchedule(f"{name!r}: missed={missed!r} must be 'last' or 'all'")
        self.name = name
        self.call = call
        self.missed: Missed = missed
        self.misfire: float | None = None if misfire is None else seconds(misfire)
        if self.misfire is not None and self.misfire < 1:
            raise BadSchedule(f"{name!r}: misfire={misfire!r} leaves no time to fire: 1 s or more")
        self.tz: str | None = None if line is None else tz
        self._times: Times
        if line is not None:
            self.when: str = line
            self._times = Cron(line, tz)
        else:
            self.when = f"every {every}" if isinstance(every, str) else f"every {every} s"
            self._times = Every(every or 0)

    @property
    def spec(self) -> str:
        """What its times come from, as the store keeps it."""
        return msgspec.json.encode([self.when, self.tz]).decode()

    def after(self, instant: float) -> float:
        """The first of its times later than *instant*, in Unix seconds."""
        return self._times.after(instant)

    def due(self, since: float, now: float) -> Iterator[float]:
        """Those of its times after *since* up to *now* for which a job is to be enqueued now."""
        oldest = since if self.misfire is None else max(since, now - self.misfire)
        if self.missed == "last":
            last = last_before(self._times, oldest, now)
            if last is not None:
                yield last
            return
        while (oldest := self._times.after(oldest)) <= now:
            yield oldest

    def job(self, at: float) -> NewJob:
        """The job for the time *at*; that is when it is said to be created."""
        return self.call.job(at, None, None, None)

    def upcoming(self, count: int = 5) -> list[datetime]:
        """The next *count* of its times."""
        at, found = self.call.owner.store.clock(), list[datetime]()
        for _ in range(count):
            at = self.after(at)
            found.append(self._shown(at))
        return found

    async def pause(self) -> None:
        """Enqueue nothing until `resume`; see Queue.pause_schedule."""
        await self.call.owner.pause_schedule(self.name)

    async def resume(self) -> None:
        """Go on, with the next of its times."""
        await self.call.owner.resume_schedule(self.name)

    def info(self, row: Planned | None, now: float) -> ScheduleInfo:
        """What is told of it, with what the store has on record."""
        last_at = None if row is None else row.last_at
        paused = row is not None and row.paused
        return ScheduleInfo(
            self.name,
            self.when,
            self.tz,
            self.call.function.name,
            self.call.args,
            paused,
            None if last_at is None else self._shown(last_at),
            None if row is None else row.last_job,
            None if paused else self._shown(self.after(now)),
        )

    def _shown(self, at: float) -> datetime:
        return datetime.fromtimestamp(at, zone(self.tz or "UTC"))

    def __repr__(self) -> str:
        place = f" {self.tz}" if self.tz else ""
        return (
            f"<mizzen.queue.Schedule {self.name!r}: {self.call.function.name} {self.when}{place}>"
        )
