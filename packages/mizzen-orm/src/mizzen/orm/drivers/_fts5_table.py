"""The FTS5 table itself: its columns and its tokenizer."""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .._search.shape import SearchShape


# Blocks of signs that people write beside words, which Unicode adds to every year.
_SIGNS = ((0x2000, 0x2BFF), (0x1F000, 0x1FBFF))


def virtual_table(name: str, shape: SearchShape) -> str:
    """Return the statement that makes the empty index *name* (quoted)."""
    # unicode61 splits at "_": the parts of an identifier are words, and the whole is a phrase.
    tokenizer = f"unicode61 remove_diacritics 2 categories ''L* Nd Nl'' separators ''{_signs()}''"
    if shape.language == "english":
        tokenizer = f"porter {tokenizer}"
    prefix = f", prefix='{' '.join(map(str, shape.prefix))}'" if shape.prefix else ""
    return (
        f"CREATE VIRTUAL TABLE {name} USING fts5({indexed(shape)}, content='', "
        f"tokenize='{tokenizer}'{prefix})"
    )


def indexed(shape: SearchShape) -> str:
    """Return the columns of the index; FTS5 reserves names such as `rank`."""
    return ", ".join(f"field{place}" for place in range(len(shape.fields)))


def quoted(name: str) -> str:
    """Return *name* as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


@lru_cache(1)
def _signs() -> str:
    """Return the signs that FTS5 may not know yet, and would take for letters: `great🤔`."""
    late = (
        chr(code)
        for first, last in _SIGNS
        for code in range(first, last + 1)
        if unicodedata.ucd_3_2_0.category(chr(code)) == "Cn"
        and unicodedata.category(chr(code))[0] not in "LN"
    )
    # From the last to the first: FTS5 inserts them in order (measured: 5 ms the other way).
    return "".join(reversed(list(late)))
