"""The value that says "nothing is cached", so that None can be one that is."""

from __future__ import annotations

import enum
from typing import Final, Literal


class Missing(enum.Enum):
    """The type of MISS; it is false in a condition and survives pickling as itself."""

    MISS = "MISS"

    def __bool__(self) -> Literal[False]:
        return False

    def __repr__(self) -> str:
        return "MISS"


MISS: Final = Missing.MISS
"""Pass as `default` to tell a cached None from nothing."""
