"""Durations and sizes in the forms people write them: `30`, `timedelta`, `"10m"`, `"64MB"`."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TypeAlias

Duration: TypeAlias = float | timedelta | str
Size: TypeAlias = int | str

_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_BYTES = {"b": 1, "kb": 1 << 10, "mb": 1 << 20, "gb": 1 << 30}
_FORM = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([a-z]+)\s*", re.IGNORECASE)


def seconds(value: Duration) -> float:
    """Return a duration in seconds."""
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, str):
        return _parse(value, _SECONDS, "a duration like '500ms', '10s' or '5m'")
    return float(value)


def size(value: Size) -> int:
    """Return a size in bytes."""
    if isinstance(value, str):
        return int(_parse(value, _BYTES, "a size like '512KB' or '8MB'"))
    return value


def _parse(text: str, units: dict[str, float] | dict[str, int], wanted: str) -> float:
    found = _FORM.fullmatch(text)
    if found is None or found[2].lower() not in units:
        raise ValueError(f"{text!r} is not {wanted}")
    return float(found[1]) * units[found[2].lower()]
