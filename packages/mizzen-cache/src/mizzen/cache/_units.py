"""Durations and sizes in the forms people write them: 90, `timedelta`, "10m", "64MB"."""

from __future__ import annotations

import math
import re
from datetime import timedelta

Duration = float | timedelta | str

_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_BYTES = {"": 1, "B": 1, "KB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|[smhdw])")
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([KMG]?B|)", re.IGNORECASE)


def seconds(value: Duration) -> float:
    """Return seconds; strings are a number and one of ms, s, m, h, d, w."""
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, str):
        found = _DURATION.fullmatch(value.strip())
        if found is None:
            raise ValueError(f'{value!r} is not a duration; write 90, "90s", "10m", "2h" or "1d"')
        return float(found[1]) * _SECONDS[found[2]]
    if math.isnan(value):
        raise ValueError("a duration cannot be NaN")
    return float(value)


def size(value: int | str) -> int:
    """Return bytes; strings are a number and one of B, KB, MB, GB (powers of 1024)."""
    if isinstance(value, int):
        return value
    found = _SIZE.fullmatch(value.strip())
    if found is None:
        raise ValueError(f'{value!r} is not a size; write 65536, "64KB", "64MB" or "1GB"')
    return int(float(found[1]) * _BYTES[found[2].upper()])
