"""Durations as people write them."""

from __future__ import annotations

import re
from datetime import timedelta

from ._errors import ConfigurationError

_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def seconds(duration: float | timedelta | str) -> float:
    """Return *duration* in seconds: a number, a `timedelta`, or text such as "10m" or "250ms"."""
    if isinstance(duration, timedelta):
        return duration.total_seconds()
    if isinstance(duration, str):
        match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)?\s*", duration)
        if match is None:
            raise ConfigurationError(f'"{duration}" is not a duration; write 10, "10s" or "5m".')
        return float(match[1]) * _SECONDS[match[2] or "s"]
    return float(duration)
