"""Durations as people write them: `30`, `timedelta(minutes=5)`, `"10m"`."""

from __future__ import annotations

import re
from datetime import timedelta

Duration = float | timedelta | str

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_FORM = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(ms|s|m|h|d|w)\s*")


def seconds(duration: Duration) -> float:
    """Seconds in *duration*; ValueError for negative or unreadable ones."""
    if isinstance(duration, timedelta):
        value = duration.total_seconds()
    elif isinstance(duration, str):
        match = _FORM.fullmatch(duration)
        if match is None:
            raise ValueError(
                f"{duration!r} is no duration: write it like '250ms', '10s', '5m', '1d'"
            )
        value = float(match[1]) * _UNITS[match[2]]
    else:
        value = float(duration)
    if not 0 <= value < float("inf"):
        raise ValueError(f"{duration!r} is no duration: it must be finite and not negative")
    return value
