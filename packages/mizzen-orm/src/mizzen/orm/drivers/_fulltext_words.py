"""Words on MySQL: the function that writes a text as words, each behind "xx"."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._search.words import MARKS, letter_ranges

if TYPE_CHECKING:
    from .._search.shape import SearchShape

# With it every word has the three letters that InnoDB indexes, and none is a stop word.
BEFORE = "xx"
# InnoDB leaves longer words out (84 letters, the two before included).
LONGEST = 82

# MariaDB's REGEXP_REPLACE takes time with the square of the length (measured: 16,000 characters
# 27 ms, 100,000 2.5 s), so that long texts are cut in pieces.
_PIECE = 2000


def fold_function(shape: SearchShape) -> str:
    """Return the statement that makes `<index>_fold(text)`: " xxhello xxworld "."""
    letters = "".join(
        chr(first) if first == last else f"{chr(first)}-{chr(last)}"
        for first, last in letter_ranges()
    )
    # A run of separators that two pieces share leaves an empty word, which would part a phrase.
    empty = f"' {BEFORE} {BEFORE}', ' {BEFORE}'"
    piece = f"REGEXP_REPLACE(SUBSTRING(said, place, {_PIECE}), '[{MARKS}]+', '')"
    return (
        f"CREATE FUNCTION {quoted(shape.name + '_fold')}"
        "(said LONGTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_520_ci) "
        "RETURNS LONGTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_520_ci "
        "DETERMINISTIC NO SQL BEGIN DECLARE place INT DEFAULT 1; "
        "DECLARE made LONGTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_520_ci "
        f"DEFAULT ' {BEFORE}'; "
        "WHILE place <= CHAR_LENGTH(said) DO "
        f"SET made = CONCAT(made, REGEXP_REPLACE({piece}, '[^{letters}]+', ' {BEFORE}')); "
        f"SET place = place + {_PIECE}; END WHILE; "
        f"WHILE LOCATE(' {BEFORE} {BEFORE}', made) > 0 DO SET made = REPLACE(made, {empty}); "
        "END WHILE; RETURN CONCAT(made, ' '); END"
    )


def quoted(name: str) -> str:
    """Return *name* as an SQL identifier."""
    return "`" + name.replace("`", "``") + "`"
