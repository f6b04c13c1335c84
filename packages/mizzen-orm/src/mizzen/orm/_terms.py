"""What a person types into a search box, read without ever failing.

`asyncio "event loop" -thread create_t*`: words and phrases that must occur, words that must not,
beginnings of words. An identifier such as `create_task` is the phrase "create task" for the index,
so it is found whole, and by each of its parts.
"""

from __future__ import annotations

import re
from typing import NamedTuple

# Letters and digits of any script: what both indexes keep of a text.
_TOKEN = re.compile(r"[^\W_]+")
_TERM = re.compile(r'(-?)"([^"]*)"?(\*?)|(-?)(\S+)')

# Beyond this a query is no longer a person's; the indexes' own parsers have limits, too.
_MOST_TERMS = 32
_MOST_TOKENS = 16
_LONGEST_TEXT = 2000


class Term(NamedTuple):
    """Tokens that follow one another; the last may be a beginning."""

    tokens: tuple[str, ...]
    prefix: bool
    excluded: bool


def read_terms(text: str) -> list[Term]:
    """Return the terms of *text*; a text without letters or digits has none."""
    terms: list[Term] = []
    for match in _TERM.finditer(text[:_LONGEST_TEXT]):
        minus, phrase, star, word_minus, word = match.groups()
        said = phrase if phrase is not None else word
        tokens = tuple(_TOKEN.findall(said))[:_MOST_TOKENS]
        if tokens:
            prefix = bool(star) if phrase is not None else word.endswith("*")
            terms.append(Term(tokens, prefix, bool(minus or word_minus)))
    return terms[:_MOST_TERMS]
