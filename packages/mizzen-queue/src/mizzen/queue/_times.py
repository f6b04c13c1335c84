"""When a schedule fires: by a crontab on some place's clocks, or at even intervals."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from math import floor
from typing import Protocol
from zoneinfo import ZoneInfo

from ._crontab import parse
from ._errors import BadSchedule
from ._units import Duration, seconds

_DAY = 86400.0


class Times(Protocol):
    """An endless row of times, in Unix seconds."""

    def after(self, instant: float) -> float:
        """The first time later than *instant*."""
        ...


class Every:
    """The multiples of an interval since 1970, by which all nodes agree without asking."""

    def __init__(self, interval: Duration) -> None:
        from ._triggers import by_interval

        length = seconds(interval)
        if length < 1:
            raise BadSchedule(f"every={interval!r}: at least a second must lie between")
        self._following = by_interval(length)

    def after(self, instant: float) -> float:
        """The first time later than *instant*."""
        return round(self._following(instant + 0.001), 3)


class Cron:
    """A crontab line by the clocks of a time zone.

    When these are set back, a line with fixed hours comes in the first of the two equal hours;
    when they are set forward over its time, right after. A line for every hour (or every other)
    goes by the time that passes.
    """

    def __init__(self, line: str, tz: str) -> None:
        from ._triggers import by_crontab

        crontab = parse(line)
        self._tz = zone(tz)
        self._following = by_crontab(crontab)
        self._by_real_time = crontab.any_hour

    def after(self, instant: float) -> float:
        """The first time later than *instant*."""
        return self._real(instant) if self._by_real_time else self._fixed(instant)

    def _fixed(self, instant: float) -> float:
        shown = floor(instant) + self._offset(instant)
        while True:
            shown = self._following(shown + 1)
            if (found := self._first_showing(shown)) > instant:
                return found

    def _first_showing(self, shown: float) -> float:
        local = datetime.fromtimestamp(shown, UTC).replace(tzinfo=self._tz)
        at = local.timestamp()
        if at + self._offset(at) == shown:
            return at
        # No clock shows it: they are set forward between its two readings.
        return self._change(local.replace(fold=1).timestamp(), at)

    def _real(self, instant: float) -> float:
        earliest = floor(instant) + 1.0
        while True:
            offset = self._offset(earliest)
            found = self._following(earliest + offset) - offset
            if found - earliest > _DAY:  # come near, as clocks may be set twice in between
                earliest = found - _DAY
            elif self._offset(found) == offset:
                return found
            else:
                earliest = self._change(earliest, found)

    def _change(self, before: float, after: float) -> float:
        """The second, of those later than *before*, from which another offset holds."""
        offset = self._offset(before)
        while after - before > 1:
            middle = (before + after) // 2
            if self._offset(middle) == offset:
                before = middle
            else:
                after = middle
        return after

    def _offset(self, instant: float) -> float:
        offset = datetime.fromtimestamp(instant, self._tz).utcoffset()
        return (offset or timedelta()).total_seconds()


def zone(name: str) -> tzinfo:
    """The time zone of that name; BadSchedule when there is none. UTC needs no database."""
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError) as exc:
        raise BadSchedule(
            f"tz={name!r} is no time zone; one is 'Europe/Paris'. Is there no database of them on "
            "this machine? pip install tzdata"
        ) from exc


def last_before(times: Times, since: float, now: float) -> float | None:
    """The last of *times* later than *since*, and not later than *now*; in few steps."""
    stretch = 60.0
    while True:
        start = max(since, now - stretch)
        found = times.after(start)
        if found <= now:
            while (following := times.after(found)) <= now:
                found = following
            return found
        if start == since:
            return None
        stretch *= 4
