"""Values in a search's filters: `stars:>10`, `created:2026-01-01..2026-02-01`, typed by the column.

A value is read as the span of everything it may mean: `2026-02` on a column of times is that whole
month. What can't be read is None, and the caller takes it for plain words.
"""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from enum import Enum
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

# Numbers beyond are refused by the databases' own protocols.
_LARGEST = 2**63 - 1
_TRUTHS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


class Span(NamedTuple):
    """From the first value to the last; `open` excludes the last one itself."""

    first: Any
    last: Any
    open: bool = False


def reader(kind: type, *, aware: bool = False) -> Callable[[str], Span | None] | None:
    """Return what reads values of the Python type *kind*, or None when filters can't."""
    if issubclass(kind, Enum):
        return lambda text: _member(kind, text)
    if issubclass(kind, datetime):
        return lambda text: _moment(text, aware)
    if issubclass(kind, bool):
        return lambda text: _one(_TRUTHS.get(text.lower()))
    plain: dict[type, Callable[[str], Span | None]] = {
        int: _integer,
        float: _float,
        Decimal: _decimal,
        date: _day,
        UUID: _uuid,
    }
    for known, read in plain.items():
        if issubclass(kind, known):
            return read
    return None


def choice(values: Sequence[str]) -> Callable[[str], Span | None]:
    """Return what reads one of *values*."""
    return lambda text: _one(next((v for v in values if v.lower() == text.lower()), None))


def verbatim(text: str) -> Span | None:
    """Take any text as it is."""
    return _one(text)


def _one(value: object) -> Span | None:
    return None if value is None else Span(value, value)


def _member(kind: type[Enum], text: str) -> Span | None:
    for member in kind:
        if text.lower() in {member.name.lower(), str(member.value).lower()}:
            return _one(member)
    return None


def _integer(text: str) -> Span | None:
    try:
        # Very long digits are refused by int() itself.
        return _one(max(-_LARGEST, min(_LARGEST, int(text))))
    except ValueError:
        return None


def _float(text: str) -> Span | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return _one(value) if math.isfinite(value) else None


def _decimal(text: str) -> Span | None:
    try:
        value = Decimal(text)
    except InvalidOperation:
        return None
    return _one(value) if value.is_finite() and abs(value.adjusted()) < 100 else None


def _uuid(text: str) -> Span | None:
    try:
        return _one(UUID(text))
    except ValueError:
        return None


def _day(text: str) -> Span | None:
    days = _calendar(text)
    if days is not None:
        return Span(days[0], days[1] - timedelta(days=1))
    return None


def _moment(text: str, aware: bool) -> Span | None:
    days = _calendar(text)
    if days is not None:
        first, after = (datetime(day.year, day.month, day.day, tzinfo=UTC) for day in days)
        return Span(_zoned(first, aware), _zoned(after, aware), open=True)
    try:
        moment = datetime.fromisoformat(text)
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return _one(_zoned(moment, aware))


def _zoned(moment: datetime, aware: bool) -> datetime:
    return moment if aware else moment.replace(tzinfo=None)


def _calendar(text: str) -> tuple[date, date] | None:
    """Return the first day of a year, month or day, and the day after its last."""
    parts = text.split("-")
    if not all(part.isascii() and part.isdigit() for part in parts) or len(parts[0]) != 4:
        return None
    try:
        year, month, day = (*map(int, parts), *(1,) * (3 - len(parts)))
        first = date(year, month, day)
        if len(parts) == 1:
            return first, first.replace(year=year + 1)
        if len(parts) == 2:
            return first, date(year + month // 12, month % 12 + 1, 1)
        return first, first + timedelta(days=1)
    except (ValueError, OverflowError):
        return None
