"""Porter's stemmer for English, as FTS5 has it: so that Python marks what SQLite finds.

M. F. Porter, "An algorithm for suffix stripping", Program 14(3), 1980, with the departures of its
author's later code (`bli`, `logi`). FTS5 leaves words of one or two bytes, and beyond 64, alone.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise

_VOWELS = frozenset("aeiou")
_LONGEST = 64

_STEP_2 = {
    "ational": "ate", "tional": "tion", "enci": "ence", "anci": "ance", "izer": "ize",
    "logi": "log", "bli": "ble", "alli": "al", "entli": "ent", "eli": "e", "ousli": "ous",
    "ization": "ize", "ation": "ate", "ator": "ate", "alism": "al", "iveness": "ive",
    "fulness": "ful", "ousness": "ous", "aliti": "al", "iviti": "ive", "biliti": "ble",
}  # fmt: skip
_STEP_3 = {
    "icate": "ic", "ative": "", "alize": "al", "iciti": "ic", "ical": "ic", "ful": "", "ness": "",
}  # fmt: skip
_STEP_4 = (
    "ement", "ance", "ence", "able", "ible", "ment", "ant", "ent", "ion", "ism", "ate", "iti",
    "ous", "ive", "ize", "al", "er", "ic", "ou",
)  # fmt: skip


@lru_cache(10_000)
def stem(word: str) -> str:
    """Return the stem of a folded word."""
    if not 2 < len(word.encode()) <= _LONGEST:
        return word
    word = _step_1c(_step_1b(_step_1a(word)))
    word = _replace(_replace(word, _STEP_2), _STEP_3)
    return _step_5(_step_4(word))


def _measure(stem: str) -> int:
    """Count the times that a consonant follows a vowel: the m of Porter's rules."""
    shape = [_is_vowel(stem, place) for place in range(len(stem))]
    return sum(before and not after for before, after in pairwise(shape))


def _is_vowel(word: str, place: int) -> bool:
    if word[place] == "y":
        return place > 0 and not _is_vowel(word, place - 1)
    return word[place] in _VOWELS


def _has_vowel(stem: str) -> bool:
    return any(_is_vowel(stem, place) for place in range(len(stem)))


def _ends_short(stem: str) -> bool:
    if len(stem) < 3 or stem[-1] in "wxy":
        return False
    return (
        not _is_vowel(stem, -1 % len(stem))
        and _is_vowel(stem, len(stem) - 2)
        and (not _is_vowel(stem, len(stem) - 3))
    )


def _step_1a(word: str) -> str:
    for suffix, kept in (("sses", "ss"), ("ies", "i"), ("ss", "ss"), ("s", "")):
        if word.endswith(suffix):
            return word.removesuffix(suffix) + kept
    return word


def _step_1b(word: str) -> str:
    if word.endswith("eed"):
        return word[:-1] if _measure(word[:-3]) else word
    for suffix in ("ed", "ing"):
        if word.endswith(suffix) and _has_vowel(word.removesuffix(suffix)):
            word = word.removesuffix(suffix)
            if word.endswith(("at", "bl", "iz")):
                return word + "e"
            if word[-2:-1] == word[-1] and not _is_vowel(word, len(word) - 1):
                return word if word[-1] in "lsz" else word[:-1]
            return word + "e" if _measure(word) == 1 and _ends_short(word) else word
    return word


def _step_1c(word: str) -> str:
    return word[:-1] + "i" if word.endswith("y") and _has_vowel(word[:-1]) else word


def _replace(word: str, suffixes: dict[str, str]) -> str:
    for suffix, kept in suffixes.items():
        if word.endswith(suffix):
            rest = word.removesuffix(suffix)
            return rest + kept if _measure(rest) else word
    return word


def _step_4(word: str) -> str:
    for suffix in _STEP_4:
        if word.endswith(suffix):
            rest = word.removesuffix(suffix)
            good = _measure(rest) > 1 and (suffix != "ion" or rest.endswith(("s", "t")))
            return rest if good else word
    return word


def _step_5(word: str) -> str:
    if word.endswith("e"):
        rest = word[:-1]
        measure = _measure(rest)
        if measure > 1 or (measure == 1 and not _ends_short(rest)):
            word = rest
    return word[:-1] if word.endswith("ll") and _measure(word) > 1 else word
