"""What stands in a call's arguments for the results of other jobs, until these are there."""

# No `from __future__ import annotations`: see `_records`.

import re
import secrets
from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import Struct

__all__ = ["OUTCOMES", "RESULT", "RESULTS", "Outcome"]

# Drawn anew by each process, so that nothing a user sends can pass for a placeholder.
MARK = f"$result-{secrets.token_hex(4)}"

PREVIOUS, ALL, ENDINGS = -1, -2, -3

# What the JSON of arguments contains in which a result is missing. A user's text can't contain
# it: in JSON its quotes are escaped.
HOLE = f'{{"{MARK}":'


class Placeholder(Struct, frozen=True, rename={"key": MARK}):
    """Encoded in a call's arguments; `key` says whose result is meant."""

    key: int

    def __repr__(self) -> str:
        return f"<mizzen.queue result {self.key}>"


Placeholder.__module__ = "mizzen.queue"

RESULT: Any = Placeholder(PREVIOUS)
"""In a call: the result of the one job that it comes after."""

RESULTS: Any = Placeholder(ALL)
"""In a call: the list of the results of all jobs that it comes after."""

OUTCOMES: Any = Placeholder(ENDINGS)
"""In a call: how all jobs that it comes after ended, as a `list[Outcome]`."""


class Outcome(Struct, frozen=True):
    """How a job ended that another one came after; `error` is the first line of its failure."""

    id: int
    kind: str
    status: str
    result: Any = None
    error: str | None = None


def has_placeholders(text: str, mark: str = MARK) -> bool:
    """Whether results are missing in the JSON *text*."""
    return f'{{"{mark}":' in text


def keys_in(text: str) -> list[int]:
    """The keys of the placeholders in *text*, in their order."""
    return [int(key) for key in _pattern(MARK).findall(text)]


def replaced(text: str, value: Callable[[int], str], mark: str = MARK) -> str:
    """*text* with the JSON *value(key)* for each placeholder."""
    return _pattern(mark).sub(lambda match: value(int(match[1])), text)


def placeholder(key: int) -> str:
    """Return the JSON of a placeholder."""
    return msgspec.json.encode(Placeholder(key)).decode()


def _pattern(mark: str) -> re.Pattern[str]:
    return re.compile(rf'\{{"{re.escape(mark)}":(-?\d+)\}}')
