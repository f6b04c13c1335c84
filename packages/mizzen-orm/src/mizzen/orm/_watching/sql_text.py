"""What a statement's text says: its operation, its tables, its shape. From SQL's words."""

from __future__ import annotations

import re
from functools import lru_cache

# BEGIN, SAVEPOINT and the like frame the statements that do something.
FRAMING = {"BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE", "START"}

_COMMENT = re.compile(r"^(?:\s+|--[^\n]*(?:\n|$)|/\*.*?\*/|\()+", re.DOTALL)
_WORD = re.compile(r"[A-Za-z]+")
_NAME = r'(?:"(?:[^"]|"")+"|`[^`]+`|[^\W\d][\w$]*)'
_QUALIFIED = rf"({_NAME}(?:\s*\.\s*{_NAME})*)"
_LITERAL = re.compile(r"'(?:[^']|'')*'")
_NUMBER = re.compile(r"(?<![\w$.\"`])\d+(?:\.\d+)?\b")
_FIRST = re.compile(rf"\b(?:FROM|INTO|UPDATE|TABLE)\s+(?:ONLY\s+)?{_QUALIFIED}", re.IGNORECASE)
_WRITTEN = re.compile(
    r"\b(?:INSERT\s+(?:OR\s+\w+\s+|IGNORE\s+)?INTO|REPLACE\s+INTO|MERGE\s+INTO|UPDATE|DELETE\s+FROM"
    rf"|TRUNCATE(?:\s+TABLE)?|COPY)\s+(?:ONLY\s+)?{_QUALIFIED}",
    re.IGNORECASE,
)
_LIST = re.compile(r"\bIN \((?:(?:\?|%s|%\(\w+\)s|\$\d+(?:::\w+)?)(?:, )?)+\)")
_PARAMETER_NUMBER = re.compile(r"(%\(\w+?)_\d+(?:_\d+)?\)s")
_LAST_NAME = re.compile(rf"{_NAME}$")


@lru_cache(1024)
def operation(sql: str) -> str:
    """Return the first word in capitals; "" when there is none."""
    found = _WORD.match(_COMMENT.sub("", sql, count=1))
    return found[0].upper() if found else ""


@lru_cache(1024)
def table(sql: str) -> str | None:
    """Return the table that *sql* reads first or writes, without its schema."""
    found = _FIRST.search(without_literals(sql))
    return _bare(found[1]) if found else None


def written(sql: str) -> set[str]:
    """Return the tables that *sql* changes, without their schemas."""
    return {_bare(name) for name in _WRITTEN.findall(without_literals(sql))}


def without_literals(sql: str) -> str:
    """Return *sql* with `?` for every quoted text."""
    return _LITERAL.sub("?", sql) if "'" in sql else sql


@lru_cache(1024)
def without_values(sql: str) -> str:
    """Return *sql* with `?` for every text and number in it."""
    return _NUMBER.sub("?", without_literals(sql))


@lru_cache(1024)
def shape(sql: str) -> str:
    """Return what statements have in common that differ in values and lengths of lists only."""
    return _PARAMETER_NUMBER.sub(r"\1)s", _LIST.sub("IN (…)", without_values(sql)))


def _bare(name: str) -> str:
    last = _LAST_NAME.search(name.strip())
    found = last[0] if last else name
    return found[1:-1].replace('""', '"') if found[0] in '"`' else found
