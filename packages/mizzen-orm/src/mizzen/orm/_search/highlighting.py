"""Marking what a search has found, in Python, from the words: the same on every database.

The text is escaped piece by piece and only the marks are put in as they are, so nothing in a
document becomes markup. Databases' own highlights escape nothing, and disagree on what a word is.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, NamedTuple

from .words import located

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from .query import SearchTerm
    from .words import Word

_CUT = "…"


class Found(NamedTuple):
    """Words of a text that a term has found: from the first to the last, by their numbers."""

    first: int
    last: int
    term: int


class Highlighter:
    """Marks terms; words are compared by their stems where the index keeps stems."""

    def __init__(
        self,
        terms: Sequence[SearchTerm],
        stems: Mapping[str, str],
        marks: tuple[str, str],
        *,
        html: bool,
    ) -> None:
        self._terms = terms
        self._stems = stems
        self._marks = marks
        self._html = html

    def mark(self, field: str, text: str, most_words: int | None = None) -> str:
        """Return *text*, or the part of it with the most terms, escaped and with marks."""
        words = list(located(text))
        found = self._found(field, words)
        if most_words is None or len(words) <= most_words:
            return self._marked(text, words, found, 0, len(text))
        first = _densest(found, most_words)
        last = min(first + most_words, len(words)) - 1
        inside = [each for each in found if first <= each.first and each.last <= last]
        start = 0 if first == 0 else words[first].start
        end = len(text) if last == len(words) - 1 else words[last].end
        part = self._marked(text, words, inside, start, end).strip()
        return f"{_CUT if start else ''}{part}{_CUT if end < len(text) else ''}"

    def _found(self, field: str, words: list[Word]) -> list[Found]:
        keys = [self._key(word.folded) for word in words]
        found: list[Found] = []
        for number, term in enumerate(self._terms):
            if term.field in {None, field}:
                wanted = [self._key(word) for word in term.words]
                found += (Found(*place, number) for place in _places(keys, wanted, term.prefix))
        return sorted(found)

    def _key(self, word: str) -> str:
        return self._stems.get(word, word)

    def _marked(
        self, text: str, words: list[Word], found: Iterable[Found], start: int, end: int
    ) -> str:
        before, after = self._marks
        parts: list[str] = []
        for first, last in _merged(found):
            opens, closes = words[first].start, words[last].end
            parts += [
                self._plain(text[start:opens]),
                before,
                self._plain(text[opens:closes]),
                after,
            ]
            start = closes
        return "".join([*parts, self._plain(text[start:end])])

    def _plain(self, text: str) -> str:
        return escape(text) if self._html else text


def _places(keys: list[str], wanted: list[str], prefix: bool) -> Iterable[tuple[int, int]]:
    """Yield where the *wanted* words follow one another."""
    whole = len(wanted) - 1 if prefix else len(wanted)
    for first in range(len(keys) - len(wanted) + 1):
        if keys[first : first + whole] != wanted[:whole]:
            continue
        last = first + len(wanted) - 1
        if not prefix or keys[last].startswith(wanted[-1]):
            yield first, last


def _densest(found: list[Found], most_words: int) -> int:
    """Return the first word of the part with the most different terms, a little before them."""
    best, start = 0, 0
    for place, each in enumerate(found):
        near = [other for other in found[place:] if other.last < each.first + most_words]
        score = len({other.term for other in near}) * 1000 + len(near)
        if score > best:
            room = most_words - (max(other.last for other in near) - each.first + 1)
            best, start = score, max(0, each.first - min(room, most_words // 4))
    return start


def _merged(found: Iterable[Found]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for first, last, _ in found:
        if merged and first <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
        else:
            merged.append((first, last))
    return merged
