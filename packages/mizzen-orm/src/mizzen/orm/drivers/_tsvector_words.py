"""Words on PostgreSQL: the function that cuts a text into them, and a language's dictionary."""

# Names come from mapped columns and are quoted; values are never part of these statements.

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

from .._search.words import MARKS, letter_ranges, words

if TYPE_CHECKING:
    from .._search.shape import SearchShape

# A locale-independent way to lower letters; a cluster made with the C locale lowers ASCII only.
# Some are listed by builds that can't use them.
_COLLATIONS = ("pg_c_utf8", "und-x-icu", "C.utf8", "en_US.utf8")


def fold_function(shape: SearchShape) -> str:
    """Return the statement that makes `<index>_fold(text)`: lowered words with spaces between.

    It follows `mizzen.orm._search.words`, step by step.
    """
    fold = quoted(shape.name + "_fold").replace("'", "''")
    letters = "".join(
        _escaped(first) if first == last else f"{_escaped(first)}-{_escaped(last)}"
        for first, last in letter_ranges()
    )
    marks = "".join(sign if sign == "-" else _escaped(ord(sign)) for sign in MARKS)
    body = (
        "BEGIN "
        "IF octet_length(said) = length(said) THEN "
        "RETURN regexp_replace(lower(said COLLATE \"C\"), '[^a-z0-9]+', ' ', 'g'); END IF; "
        "IF getdatabaseencoding() <> 'UTF8' THEN "
        "RETURN regexp_replace(lower(said), '[^[:alnum:]]+', ' ', 'g'); END IF; "
        f"said := regexp_replace(said, '[{marks}]+', '', 'g'); "
        r"said := normalize(regexp_replace(said, '[\u0300-\u036f]', ' ', 'g'), NFD); "
        r"said := regexp_replace(said, '(?<=[A-Za-z])[\u0300-\u036f]+', '', 'g'); "
        "said := lower(normalize(said, NFC) COLLATE $collation$); "
        "said := replace(said, chr(962), chr(963)); "
        f"RETURN regexp_replace(said, '[^{letters}]+', ' ', 'g'); END"
    )
    before, after = (part.replace("'", "''") for part in body.split("$collation$"))
    names = ", ".join(f"'{name}'" for name in _COLLATIONS)
    return (
        "DO $make$ DECLARE known text; BEGIN "
        f"FOREACH known IN ARRAY ARRAY[{names}, 'default'] LOOP "
        "BEGIN EXECUTE 'SELECT lower(''A'' COLLATE ' || quote_ident(known) || ')'; EXIT; "
        "EXCEPTION WHEN OTHERS THEN NULL; END; END LOOP; "
        f"EXECUTE 'CREATE FUNCTION {fold}(said text) RETURNS text "
        f"LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $fold$ {before}' "
        f"|| quote_ident(known) || '{after} $fold$'; END $make$"
    )


def as_indexed(word: str) -> list[str]:
    """Return a word of a query as the function leaves it: composed, in small letters.

    A letter that Unicode always writes in two parts (as some of Hindi are) may part the word.
    """
    if word.isascii():
        return [word]
    composed = unicodedata.normalize("NFC", word)
    return words("".join(letter.lower() for letter in composed)) or [word]


def language_of(shape: SearchShape) -> list[str]:
    """Return the statements that make the index's own configuration: stems, and no stop words.

    Without stop words "to be or not to be" is found, as it is on SQLite; "english" is Porter's
    stemmer, for the same reason.
    """
    if shape.language == "simple":
        return []
    stem, words = quoted(shape.name + "_stem"), quoted(shape.name + "_words")
    language = "porter" if shape.language == "english" else shape.language
    return [
        f"CREATE TEXT SEARCH DICTIONARY {stem} (TEMPLATE = snowball, LANGUAGE = '{language}')",
        f"CREATE TEXT SEARCH CONFIGURATION {words} (COPY = simple)",
        f"ALTER TEXT SEARCH CONFIGURATION {words} ALTER MAPPING REPLACE simple WITH {stem}",
    ]


def quoted(name: str) -> str:
    """Return *name* as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def _escaped(code: int) -> str:
    if chr(code).isascii():
        return chr(code)
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
