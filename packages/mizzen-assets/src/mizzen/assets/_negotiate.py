"""What a client accepts: content codings with their weights, entity tags, byte ranges."""

from __future__ import annotations

import re
from functools import lru_cache

_RANGE = re.compile(r"\s*bytes\s*=\s*(\d{0,18})\s*-\s*(\d{0,18})\s*", re.IGNORECASE)


@lru_cache(maxsize=256)
def accepted(header: str) -> dict[str, float]:
    """Return the weight of each coding that an Accept-Encoding header names.

    What is written wrongly counts as not said. `x-gzip` is gzip by its old name.
    """
    weights: dict[str, float] = {}
    for part in header[:1000].lower().split(","):
        coding, *parameters = (piece.strip() for piece in part.split(";"))
        weight = 1.0
        for parameter in parameters:
            name, _, value = parameter.partition("=")
            if name.strip() == "q":
                weight = _weight(value.strip())
        if coding:
            weights["gzip" if coding == "x-gzip" else coding] = weight
    return weights


def choose(header: str | None, sizes: dict[str, int]) -> str | None:
    """Return the coding to send among *sizes*, which holds `identity`; None if none will do.

    The client's weights come first, then the smaller body. Without a header, identity.
    """
    if header is None:
        return "identity"
    weights = accepted(header)
    anything = weights.get("*", 0.0)
    # Identity is acceptable unless it is refused, by name or by "*;q=0".
    plain = weights.get("identity", 0.0 if weights.get("*") == 0 else 0.001)
    best: tuple[float, int, str] | None = None
    for coding, size in sizes.items():
        weight = plain if coding == "identity" else weights.get(coding, anything)
        if weight > 0 and (best is None or (-weight, size) < best[:2]):
            best = (-weight, size, coding)
    return best[2] if best else None


def matches(header: str, etag: str) -> bool:
    """Tell whether an If-None-Match header names *etag* (weak comparison)."""
    if header.strip() == "*":
        return True
    return etag in (part.strip().removeprefix("W/") for part in header.split(","))


def byte_range(header: str, size: int) -> tuple[int, int] | None:
    """Return start and end (exclusive) of the one range asked for, or None to send it all.

    Several ranges, other units and nonsense are answered with the whole file, as RFC 9110
    allows. Raises ValueError when the range lies beyond the file.
    """
    match = _RANGE.fullmatch(header)
    if match is None or not (match[1] or match[2]):
        return None
    if not match[1]:
        length = int(match[2])
        if length == 0 or size == 0:
            raise ValueError(header)
        return max(0, size - length), size
    start = int(match[1])
    if match[2] and int(match[2]) < start:
        return None
    if start >= size:
        raise ValueError(header)
    return start, min(size, int(match[2]) + 1) if match[2] else size


def _weight(text: str) -> float:
    try:
        weight = float(text)
    except ValueError:
        return 0.0
    return weight if 0.0 <= weight <= 1.0 else 0.0
