"""Durations and sizes as people write them."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TypeAlias

Duration: TypeAlias = "float | timedelta | str"
Size: TypeAlias = "int | str"

SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
BYTES = {"B": 1, "KB": 1000, "MB": 1000**2, "GB": 1000**3, "KiB": 1024, "MiB": 1024**2}


def seconds(duration: Duration) -> float:
    """Read seconds as a number, a `timedelta`, or a text such as `"250ms"` and `"10m"`."""
    if isinstance(duration, timedelta):
        return duration.total_seconds()
    return float(_read(duration, SECONDS)) if isinstance(duration, str) else float(duration)


def size(amount: Size) -> int:
    """Read bytes as a number or a text such as `"64MB"`."""
    return int(_read(amount, BYTES)) if isinstance(amount, str) else amount


def _read(text: str, units: dict[str, float] | dict[str, int]) -> float:
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]+)\s*", text)
    if match is None or match[2] not in units:
        raise ValueError(f"{text!r} is not a number with one of the units {', '.join(units)}")
    return float(match[1]) * units[match[2]]
