"""From source text to highlighted HTML, and from a file's name to its language."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from pygments import highlight as pygments_highlight
from pygments.formatters import HtmlFormatter
from pygments.lexer import Lexer
from pygments.lexers import (
    find_lexer_class_for_filename,
    get_lexer_by_name,  # pyright: ignore[reportUnknownVariableType]
)

# Beyond this, a lexer takes seconds: such a file is shown plain.
LARGEST = 400_000


@dataclass(frozen=True)
class Highlighted:
    """A text as the page shows it."""

    language: str
    html: str


def highlight(name: str, text: str) -> Highlighted:
    """Return *text* as HTML with one link target per line; CPU-bound, so call it in a thread."""
    lexer = lexer_for(name if len(text) <= LARGEST else "plain.txt")
    html = pygments_highlight(text, lexer, formatter())
    return Highlighted(language=lexer.name, html=html)


def lexer_for(name: str) -> Lexer:
    """Guess the language from the name alone: predictable, and no code is run on the content."""
    # Leading blank lines are kept: without them, line numbers would be off.
    kind = find_lexer_class_for_filename(name)
    return kind(stripnl=False) if kind else get_lexer_by_name("text", stripnl=False)


@lru_cache(maxsize=1)
def formatter() -> HtmlFormatter[str]:
    """Return the one way code is shown: CSS classes only, as the page's policy allows no styles."""
    return HtmlFormatter(nowrap=False, linenos="inline", cssclass="code", wrapcode=True)


@dataclass(frozen=True)
class Excerpt:
    """Some lines around a match; `lines` are (number, text before, match, text after)."""

    lines: list[tuple[int, str, str, str]]


def excerpt(text: str, query: str, *, most: int = 3) -> Excerpt:
    """Return the first lines of *text* that hold a word of *query*."""
    words = [re.escape(word) for word in re.findall(r"\w+", query)]
    if not words:
        return Excerpt([])
    pattern = re.compile("|".join(sorted(words, key=len, reverse=True)), re.I)
    found: list[tuple[int, str, str, str]] = []
    for number, line in enumerate(text.splitlines(), 1):
        match = pattern.search(line)
        if match:
            begin, end = match.span()
            found.append(
                (number, line[max(0, begin - 80) : begin], match[0], line[end : end + 120])
            )
            if len(found) == most:
                break
    return Excerpt(found)
