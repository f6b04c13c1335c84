"""Durations and sizes in the forms people write them: 90, "90s", "10m", "64MB", timedelta."""

from __future__ import annotations

import re
from datetime import timedelta

from ._errors import Misconfigured

SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
BYTES = {"b": 1, "kb": 1000, "mb": 1000**2, "gb": 1000**3, "kib": 1024, "mib": 1024**2}

Duration = float | int | str | timedelta
Size = int | str


def seconds(value: Duration) -> float:
    """Return a duration in seconds; negative or unreadable ones raise `Misconfigured`."""
    if isinstance(value, timedelta):
        result = value.total_seconds()
    elif isinstance(value, str):
        result = _scaled(value, SECONDS, "a duration such as 90, '90s' or '10m'")
    else:
        result = float(value)
    if not result >= 0:
        raise Misconfigured(f"{value!r} is not a duration: it must not be negative")
    return result


def size(value: Size) -> int:
    """Return a size in bytes."""
    if isinstance(value, str):
        return int(_scaled(value, BYTES, "a size such as 65536 or '64KB'"))
    return value


def _scaled(text: str, units: dict[str, float] | dict[str, int], wanted: str) -> float:
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]*)\s*", text)
    unit = (found[2].lower() or next(iter({"s", "b"} & units.keys()))) if found else ""
    if found is None or unit not in units:
        raise Misconfigured(f"{text!r} is not {wanted}")
    return float(found[1]) * units[unit]
