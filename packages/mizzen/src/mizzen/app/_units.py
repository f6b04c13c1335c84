"""Durations in the forms people write them: 90, "90s", "10m"."""

from __future__ import annotations

import re

from ._errors import ConfigError

SECONDS = {"": 1.0, "ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def seconds(text: str) -> float:
    """Return a written duration in seconds; raises `ConfigError` when it is none."""
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*", text.lower())
    if found is None or found[2] not in SECONDS:
        raise ConfigError(f"{text!r} is not a duration such as 90, '90s' or '10m'")
    return float(found[1]) * SECONDS[found[2]]
