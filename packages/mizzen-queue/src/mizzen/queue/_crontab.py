"""Crontab lines as vixie cron reads them; everything wrong is refused at the definition."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ._errors import BadSchedule

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_LONGEST = dict(enumerate((31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31), 1))

_SHORT = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}

_PART = re.compile(r"(?:\*|(?P<low>\w+)(?:-(?P<high>\w+))?)(?:/(?P<step>\d+))?")


@dataclass(frozen=True)
class _Field:
    name: str
    low: int
    high: int
    count: int  # less than from low to high, where Sunday has two numbers
    names: tuple[str, ...] = ()

    def read(self, text: str) -> frozenset[int]:
        """The values of one field; BadSchedule says what is wrong with it."""
        return frozenset(value for part in text.split(",") for value in self._part(part))

    def _part(self, text: str) -> range:
        match = _PART.fullmatch(text)
        if match is None:
            raise BadSchedule(f"{text!r} is no {self.name}")
        step = 1 if match["step"] is None else int(match["step"])
        if step < 1:
            raise BadSchedule(f"{text!r} is no {self.name}: its step must be 1 or more")
        if match["low"] is None:
            return range(self.low, self.low + self.count, step)
        low = high = self._value(match["low"], text)
        if match["high"] is not None:
            high = self._value(match["high"], text)
            if high == 0 < low and self.count == 7:
                high = 7  # sat-sun
            if high < low:
                raise BadSchedule(f"{text!r} is no {self.name}: it runs backwards")
        elif match["step"] is not None:
            raise BadSchedule(
                f"{text!r} is read differently by each cron: write {low}-{self.high}/{step}"
            )
        return range(low, high + 1, step)

    def _value(self, word: str, text: str) -> int:
        if word.lower() in self.names:
            return self.names.index(word.lower()) + self.low
        if not (word.isascii() and word.isdigit() and self.low <= int(word) <= self.high):
            named = f", or {self.names[0]} to {self.names[-1]}" if self.names else ""
            raise BadSchedule(
                f"{text!r} is no {self.name}: it must be {self.low} to {self.high}{named}"
            )
        return int(word)


_FIELDS = (
    _Field("minute", 0, 59, 60),
    _Field("hour", 0, 23, 24),
    _Field("day of month", 1, 31, 31),
    _Field("month", 1, 12, 12, _MONTHS),
    _Field("day of week", 0, 7, 7, _WEEKDAYS),
)


@dataclass(frozen=True)
class Crontab:
    """The times of one line; in `weekdays` 0 is Sunday.

    A day must be in `days` and in `weekdays`; with `either_day`, in one of them.
    """

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    either_day: bool
    any_hour: bool

    @property
    def has_such_days(self) -> bool:
        """Whether any of the months has any of the days."""
        return min(self.days) <= max(_LONGEST[month] for month in self.months)


def parse(text: str) -> Crontab:
    """Read `"30 3 * * mon-fri"` or `"@daily"`."""
    fields = _SHORT.get(text.strip().lower(), text).split()
    if len(fields) != 5:
        raise BadSchedule(
            f"{text!r} is no crontab line: write minute, hour, day of month, month and day of "
            'week, as "0 3 * * *", or one of ' + ", ".join(_SHORT) + "; for seconds, every="
        )
    try:
        minutes, hours, days, months, weekdays = (
            field.read(value) for field, value in zip(_FIELDS, fields, strict=True)
        )
    except BadSchedule as exc:
        raise BadSchedule(f"{text!r}: {exc}") from None
    # By vixie cron, a field that begins with a star restricts the other one; two others add up.
    crontab = Crontab(
        minutes,
        hours,
        days,
        months,
        frozenset(day % 7 for day in weekdays),
        either_day=not fields[2].startswith("*") and not fields[4].startswith("*"),
        any_hour=fields[1].startswith("*") or len(hours) == 24,
    )
    if not (crontab.either_day or crontab.has_such_days):
        raise BadSchedule(f"{text!r} never comes: none of its months has such a day")
    return crontab
