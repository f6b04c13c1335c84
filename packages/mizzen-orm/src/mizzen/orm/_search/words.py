"""What a word is, the same for every database: a run of letters and digits of any script.

Case doesn't count, nor do the accents of Latin letters (`café` is `cafe`, but `й` is not `и`): the
rules of FTS5's unicode61, which the other databases are given as SQL, and Python follows when it
reads queries and marks hits.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

# The combining marks that unicode61 ignores inside of words; any other one separates.
MARKS = "\u0300-\u0304\u0306-\u030c\u030f\u0311\u031b\u0323-\u0328\u032d\u032e\u0330\u0331"
_CATEGORIES = frozenset({"Lu", "Ll", "Lt", "Lm", "Lo", "Nd", "Nl"})
# Every assigned letter lies below; private planes and tags follow.
_LAST_LETTER = 0x323B0

_RUN = re.compile(rf"(?:[^\W_]|[{MARKS}])+")
_MARK = re.compile(rf"[{MARKS}]+")
# Capitals whose small letters Unicode gained lately (Cherokee, Georgian, Osage, Adlam …): SQLite
# and MySQL know them as they are.
_LATE_CAPITALS = re.compile(
    "[\u037f\u0526-\u052e\u13a0-\u13f5\u1c90-\u1cbf\u2c2f\ua698\ua69a\ua796-\ua79e\ua7aa-\ua7f5"
    "\U000104b0-\U000104d3\U00010570-\U00010595\U00010c80-\U00010cb2\U00010d50-\U00010d65"
    "\U000118a0-\U000118bf\U00016e40-\U00016e5f\U0001e900-\U0001e921]"
)


class Word(NamedTuple):
    """A word of a text: where it stands, and what the indexes know it as."""

    start: int
    end: int
    folded: str


def words(text: str) -> list[str]:
    """Return the folded words of *text*."""
    return [word.folded for word in located(text)]


def located(text: str) -> Iterator[Word]:
    """Yield the words of *text* with their places."""
    for run in _RUN.finditer(text):
        said = run.group()
        if said.isascii():
            yield Word(run.start(), run.end(), said.lower())
            continue
        for start, end in _letters(said):
            yield Word(run.start() + start, run.start() + end, fold(said[start:end]))


def fold(word: str) -> str:
    """Return *word* without case and accents."""
    if word.isascii():
        return word.lower()
    return "".join(map(_folded, _MARK.sub("", word)))


@lru_cache(1)
def letter_ranges() -> tuple[tuple[int, int], ...]:
    """Return the code points of letters and digits, as ranges."""
    found: list[tuple[int, int]] = []
    first: int | None = None
    for code in range(_LAST_LETTER + 1):
        if unicodedata.category(chr(code)) in _CATEGORIES:
            first = code if first is None else first
        elif first is not None:
            found.append((first, code - 1))
            first = None
    return tuple(found)


def _letters(run: str) -> Iterator[tuple[int, int]]:
    # `\w` knows numerals such as ² and ½, which unicode61 takes for signs.
    first: int | None = None
    for place, sign in enumerate(run):
        if unicodedata.category(sign) in _CATEGORIES:
            first = place if first is None else first
        elif first is not None and not _MARK.match(sign):
            yield first, place
            first = None
    if first is not None:
        yield first, len(run)


@lru_cache(4096)
def _folded(letter: str) -> str:
    # Letter by letter, as databases do: Python alone knows the end of a Greek word.
    plain = unicodedata.normalize("NFD", letter)[0]
    if plain.isascii():
        return plain.lower()
    if _LATE_CAPITALS.match(letter):
        return letter
    lowered = letter.lower()
    if lowered == "\N{GREEK SMALL LETTER FINAL SIGMA}":
        return "\N{GREEK SMALL LETTER SIGMA}"
    return lowered
