"""What only the text of a SQLite `CREATE TABLE` tells: names of constraints, checks, collations.

SQLite's pragmas answer the rest. SQLAlchemy reads this text with regular expressions, which miss
or split names that hold quotes, spaces or brackets; here it is cut into tokens first.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import NamedTuple

_TOKEN = re.compile(
    r"""(?P<space>\s+|--[^\n]*|/\*.*?(?:\*/|\Z))
    |(?P<text>'(?:[^']|'')*')
    |(?P<quoted>"(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[^\]]*\])
    |(?P<word>[\w$]+)
    |(?P<mark>.)""",
    re.VERBOSE | re.DOTALL,
)


class Token(NamedTuple):
    """A piece of SQL, and where it stands; `word` is upper case, names are unquoted."""

    kind: str
    word: str
    start: int
    end: int


@dataclass
class CreateTable:
    """What the text of a table says beyond the pragmas."""

    checks: list[tuple[str | None, str]] = field(default_factory=list[tuple[str | None, str]])
    uniques: list[tuple[str, tuple[str, ...]]] = field(
        default_factory=list[tuple[str, tuple[str, ...]]]
    )
    foreign_keys: list[tuple[str | None, tuple[str, ...], bool]] = field(
        default_factory=list[tuple[str | None, tuple[str, ...], bool]]
    )
    generated: dict[str, str] = field(default_factory=dict[str, str])
    words: set[str] = field(default_factory=set[str])


def read_create_table(sql: str) -> CreateTable:
    """Read the text of a `CREATE TABLE` statement as SQLite keeps it."""
    found = CreateTable()
    tokens = _tokens(sql)
    found.words = {token.word for token in tokens if token.kind == "word"}
    begin = next((n for n, token in enumerate(tokens) if token[:2] == ("mark", "(")), None)
    if begin is None:
        return found
    for item in _items(tokens, begin):
        _read_item(sql, item, found)
    return found


def _tokens(sql: str) -> list[Token]:
    found: list[Token] = []
    for match in _TOKEN.finditer(sql):
        kind, value = str(match.lastgroup), match[0]
        if kind == "word":
            value = value.upper()
        if kind == "quoted":
            close = value[-1]
            value = value[1:-1].replace(close * 2, close)
        if kind != "space":
            # A name that is a bracket or keyword when unquoted must not be taken for one.
            found.append(Token(kind, value, match.start(), match.end()))
    return found


def _items(tokens: list[Token], begin: int) -> list[list[Token]]:
    items: list[list[Token]] = [[]]
    depth = 0
    for token in tokens[begin:]:
        mark = token.word if token.kind == "mark" else ""
        depth += (mark == "(") - (mark == ")")
        if depth == 0:
            break
        if mark == "," and depth == 1:
            items.append([])
        elif not (mark == "(" and depth == 1 and not items[-1] and token is tokens[begin]):
            items[-1].append(token)
    return items


def _read_item(sql: str, item: list[Token], found: CreateTable) -> None:
    if not item:
        return
    starts = {"CONSTRAINT", "CHECK", "UNIQUE", "PRIMARY", "FOREIGN"}
    of_table = item[0].kind == "word" and item[0].word in starts
    column = None if of_table else _name(sql, item[0])
    name: str | None = None
    position = 0 if of_table else 1
    while position < len(item):
        token = item[position]
        group = _group(item, position + 1)
        match token.word if token.kind == "word" else "":
            case "CONSTRAINT":
                name, position = _name(sql, item[position + 1]), position + 1
            case "CHECK" if group:
                found.checks.append((name, sql[group[0].end : group[-1].start].strip()))
                name = None
            case "UNIQUE":
                columns = (column,) if column is not None else _names(sql, group)
                if name is not None:
                    found.uniques.append((name, columns))
                name = None
            case "KEY" if column is None and item[position - 1].word == "FOREIGN":
                found.foreign_keys.append((name, _names(sql, group), _deferred(item[position:])))
                name = None
            case "REFERENCES" if column is not None:
                found.foreign_keys.append((name, (column,), _deferred(item[position:])))
                name = None
            case "AS" if column is not None and group:
                found.generated[column] = sql[group[0].end : group[-1].start].strip()
            case "PRIMARY" | "NOT" | "NULL" | "DEFAULT" | "COLLATE":
                name = None if column is not None else name
            case _:
                pass
        # What stands in brackets is an expression: nothing in it is a constraint.
        position += 1 + len(group)


def _group(item: list[Token], start: int) -> list[Token]:
    if start >= len(item) or (item[start].kind, item[start].word) != ("mark", "("):
        return []
    depth = 0
    for end in range(start, len(item)):
        if item[end].kind == "mark":
            depth += (item[end].word == "(") - (item[end].word == ")")
        if depth == 0:
            return item[start : end + 1]
    return []


def _names(sql: str, group: list[Token]) -> tuple[str, ...]:
    parts = zip([None, *group], group, strict=False)
    return tuple(
        _name(sql, token)
        for before, token in parts
        if token.kind != "mark" and before is not None and before.word in {"(", ","}
    )


def _name(sql: str, token: Token) -> str:
    # SQLite also takes 'text' for a name where only a name can stand.
    if token.kind == "text":
        return token.word[1:-1].replace("''", "'")
    return sql[token.start : token.end] if token.kind == "word" else token.word


def _deferred(item: list[Token]) -> bool:
    words = [token.word for token in item if token.kind == "word"]
    return "DEFERRED" in words and "NOT" not in words[: words.index("DEFERRED")][-3:]


def parts_of(sql: str) -> tuple[str, ...]:
    """Return what stands between the first brackets, split at its outer commas."""
    tokens = _tokens(sql)
    begin = next((n for n, token in enumerate(tokens) if token[:2] == ("mark", "(")), len(tokens))
    items = _items(tokens, begin)
    return tuple(sql[item[0].start : item[-1].end] for item in items if item)


def after(sql: str, word: str) -> str:
    """Return what stands after a keyword outside of brackets; "" without it."""
    depth = 0
    for token in _tokens(sql):
        if token.kind == "mark":
            depth += (token.word == "(") - (token.word == ")")
        if depth == 0 and (token.kind, token.word) == ("word", word):
            return sql[token.end :].strip()
    return ""


def mentions(sql: str, name: str) -> bool:
    """Return whether a name occurs in SQL, quoted or not; text in quotes counts too."""
    wanted = name.lower()
    return any(token.word.strip("'").lower() == wanted for token in _tokens(sql))
