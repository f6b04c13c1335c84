"""APScheduler's triggers, for a clock that knows no time zone: its own rules for days are others.

It counts weekdays from Monday, wants both days to fit, and repeats fixed times when a clock is set
back. So it gets what we read, and counts in "UTC"; what that is by which clock, we say.
"""

# APScheduler 3 has no types; the function's are all that leaves this file.
# mypy: disable-error-code="import-untyped"
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from apscheduler.triggers.combining import OrTrigger
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from ._crontab import Crontab

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def by_crontab(crontab: Crontab) -> Callable[[float], float]:
    """Return a function to the first fit at, or after, so many seconds."""
    fixed = {
        "minute": _spelled(crontab.minutes, 60),
        "hour": _spelled(crontab.hours, 24),
        "month": _spelled(crontab.months, 12),
        "timezone": UTC,
    }
    days = {"day": _spelled(crontab.days, 31)}
    weekdays = {"day_of_week": _spelled({(day - 1) % 7 for day in crontab.weekdays}, 7)}
    if not crontab.either_day:
        return _following(CronTrigger(**fixed, **days, **weekdays))
    either = [CronTrigger(**fixed, **weekdays)]
    if crontab.has_such_days:  # else it would look through all years to come, each time
        either.append(CronTrigger(**fixed, **days))
    return _following(OrTrigger(either))


def by_interval(seconds: float) -> Callable[[float], float]:
    """Return a function to the first multiple of *seconds* at, or after, so many seconds."""
    wanted: Any = {"seconds": seconds, "start_date": _EPOCH, "timezone": UTC}
    return _following(IntervalTrigger(**wanted))


def _spelled(values: Collection[int], all: int) -> str:
    return "*" if len(values) == all else ",".join(map(str, sorted(values)))


def _following(trigger: Any) -> Callable[[float], float]:
    def following(at: float) -> float:
        found: datetime = trigger.get_next_fire_time(None, datetime.fromtimestamp(at, UTC))
        return found.timestamp()

    return following
