"""Durations and sizes in the forms that people write."""

from __future__ import annotations

import re
from datetime import timedelta

_AMOUNT = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([a-zA-Z]*)\s*")
_SECONDS = {"ms": 0.001, "": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_BYTES = {"": 1, "b": 1, "kb": 1024, "mb": 1024**2, "gb": 1024**3}


def seconds(value: float | str | timedelta) -> float:
    """Return a duration in seconds: a number, a timedelta, or text such as "10m"."""
    if isinstance(value, timedelta):
        return value.total_seconds()
    return float(value) if not isinstance(value, str) else _parse(value, _SECONDS, "a duration")


def size(value: int | str) -> int:
    """Return a size in bytes: a number, or text such as "64MB" (1 MB is 1,048,576)."""
    return value if not isinstance(value, str) else int(_parse(value.lower(), _BYTES, "a size"))


def _parse(text: str, units: dict[str, float] | dict[str, int], what: str) -> float:
    match = _AMOUNT.fullmatch(text)
    if match is None or match[2] not in units:
        known = ", ".join(filter(None, units))
        raise ValueError(f"{text!r} is not {what}; write a number with one of: {known}")
    return float(match[1]) * units[match[2]]
