"""What a queue does by the clock."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, cast

from ._errors import BadArguments, BadSchedule, QueueError
from ._job import Call, JobFunction
from ._schedule import Missed, Schedule
from ._scheduled import Scheduled

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ._scheduled import ScheduleInfo
    from ._units import Duration
    from .abc import Inserted, NewJob, Store

J = TypeVar("J", bound=JobFunction[..., Any])


class Scheduling:
    """The part of `Queue` that schedules jobs."""

    store: Store
    timetable: dict[str, Schedule]

    def require_started(self) -> None:
        raise NotImplementedError

    def _enqueued(self, inserted: Inserted, jobs: Sequence[NewJob]) -> None:
        raise NotImplementedError

    def schedule(
        self,
        name: str,
        call: Call[Any],
        line: str | None = None,
        *,
        every: Duration | None = None,
        tz: str = "UTC",
        misfire: Duration | None = "1h",
        missed: Missed = "last",
    ) -> Schedule:
        """Enqueue *call* at the times of a crontab line by the clocks of *tz*, or every so long.

        Any number of workers enqueues one job for each time. After a downtime, times not older
        than *misfire* (None: of any age) are made up for: the last one, or *missed="all"*. The
        job's `created_at` is the time that it is for. Defining a name again replaces it.
        """
        if call.owner is not self:
            raise QueueError(f"{call!r} belongs to another queue: schedule it there")
        if not isinstance(self.store, Scheduled):
            raise QueueError(f"{type(self.store).__name__} keeps no schedules")
        schedule = Schedule(name, call, line, every=every, tz=tz, misfire=misfire, missed=missed)
        self.timetable[name] = schedule
        return schedule

    def cron(
        self,
        line: str | None = None,
        *,
        every: Duration | None = None,
        name: str | None = None,
        tz: str = "UTC",
        misfire: Duration | None = "1h",
        missed: Missed = "last",
    ) -> Callable[[J], J]:
        """Schedule the job below, without arguments; see `schedule`. By default its name is used.

        A crontab line has minute, hour, day of month, month and day of week, as `"30 3 * * mon"`;
        `@daily` and its like are known, too.
        """

        def define(job: J) -> J:
            if not isinstance(cast("object", job), JobFunction):
                raise BadSchedule("@q.cron stands above @q.job: it schedules a job")
            known = self.timetable.get(name or job.name)
            if known is not None and known.call.function is job:
                raise BadSchedule(f"{job!r} has a schedule {known.name!r}: give this one a name=")
            try:
                call = job()
            except BadArguments as exc:
                raise BadSchedule(
                    f"{exc}; with arguments: q.schedule('name', {job.name}(…), …)"
                ) from exc
            self.schedule(
                name or job.name, call, line, every=every, tz=tz, misfire=misfire, missed=missed
            )
            return job

        return define

    async def schedules(self) -> list[ScheduleInfo]:
        """All schedules of this program, with their last and next fires."""
        if not self.timetable:
            return []
        rows = {row.name: row for row in await self._scheduled().planned()}
        now = self.store.clock()
        return [one.info(rows.get(name), now) for name, one in self.timetable.items()]

    async def pause_schedule(self, name: str) -> None:
        """Let nobody fire it, until `resume_schedule`; its jobs that wait or run go on."""
        await self._hold(name, True)

    async def resume_schedule(self, name: str) -> None:
        """Let it fire again; what fell into the pause is not made up for."""
        await self._hold(name, False)

    async def fire(self, schedule: Schedule, at: float) -> bool:
        """Enqueue the schedule's job for the time *at*; False if that was done, or it is paused."""
        job = schedule.job(at)
        inserted = await self._scheduled().fire(schedule.name, at, job)
        if inserted is None:
            return False
        self._enqueued(inserted, [job])
        return True

    async def _hold(self, name: str, paused: bool) -> None:
        schedule = self.timetable.get(name)
        if schedule is None:
            known = ", ".join(self.timetable) or "none"
            raise QueueError(f"there is no schedule {name!r}; there are: {known}")
        store = self._scheduled()
        await store.plan({name: schedule.spec})
        await store.hold(name, paused)

    def _scheduled(self) -> Scheduled:
        self.require_started()
        return cast("Scheduled", self.store)
