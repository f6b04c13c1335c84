"""Where a place in compiled CSS comes from, read out of its source map."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_VALUES = {letter: value for value, letter in enumerate(_ALPHABET)}


def place(text: str, offset: int) -> tuple[int, int]:
    """Return the line and column, both from 0, of an offset in *text*."""
    return text.count("\n", 0, offset), offset - (text.rfind("\n", 0, offset) + 1)


def origin(source_map: bytes, line: int, column: int) -> tuple[str, int, int] | None:
    """Return source, line and column (from 0) of the last mapping at or before a place."""
    fields: dict[str, Any] = json.loads(source_map)
    found = None
    source = source_line = source_column = 0
    for number, segments in enumerate(fields["mappings"].split(";")):
        at = 0
        for segment in filter(None, segments.split(",")):
            steps = list(_numbers(segment))
            at += steps[0]
            if len(steps) >= 4:
                source += steps[1]
                source_line += steps[2]
                source_column += steps[3]
            if (number, at) > (line, column):
                return found
            found = (str(fields["sources"][source]), source_line, source_column)
    return found


def shifted(source_map: bytes, edits: list[tuple[int, int, int]]) -> bytes:
    """Return the map of a text after *edits*: (line, column where it ends, growth) each."""
    fields: dict[str, Any] = json.loads(source_map)
    lines: list[str] = []
    for number, segments in enumerate(fields["mappings"].split(";")):
        here = [(column, growth) for line, column, growth in edits if line == number]
        written: list[str] = []
        at = moved_before = 0
        for segment in filter(None, segments.split(",")):
            steps = list(_numbers(segment))
            at += steps[0]
            moved = at + sum(growth for column, growth in here if column <= at)
            written.append("".join(map(_vlq, [moved - moved_before, *steps[1:]])))
            moved_before = moved
        lines.append(",".join(written))
    fields["mappings"] = ";".join(lines)
    return json.dumps(fields, separators=(",", ":"), sort_keys=True).encode()


def _numbers(segment: str) -> Iterator[int]:
    value = shift = 0
    for letter in segment:
        digit = _VALUES[letter]
        value |= (digit & 31) << shift
        shift += 5
        if digit < 32:
            yield -(value >> 1) if value & 1 else value >> 1
            value = shift = 0


def _vlq(number: int) -> str:
    left = (abs(number) << 1) | (number < 0)
    letters = ""
    while True:
        digit, left = left & 31, left >> 5
        letters += _ALPHABET[digit | (32 if left else 0)]
        if not left:
            return letters
