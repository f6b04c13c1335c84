"""Durations in the forms people write: seconds, `timedelta`, `"10m"`."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from ._errors import ConfigurationError

Duration = float | timedelta | str
UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
WRITTEN = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|[smhdw])?")


def seconds(duration: Duration) -> float:
    """Return a duration in seconds; it must be positive."""
    if isinstance(duration, timedelta):
        found = duration.total_seconds()
    elif isinstance(duration, str):
        match = WRITTEN.fullmatch(duration.strip())
        found = float(match[1]) * UNITS[match[2] or "s"] if match else 0.0
    else:
        found = float(duration)
    if not 0 < found < float("inf"):
        raise ConfigurationError(
            f'{duration!r} is not a duration: write seconds, a timedelta, or text like "10m"'
        )
    return found


def moment(timestamp: float) -> datetime:
    """Return seconds since the epoch as an aware UTC datetime."""
    return datetime.fromtimestamp(timestamp, UTC)
