"""Values fit for a log: secrets are hidden, long ones cut.

A value is secret when its column says so by name (password, token, secret, key), when its field is
`Encrypted`, or when nothing tells its column and the statement names such a column somewhere.
"""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple, cast
from uuid import UUID

from .._fields.encrypted import EncryptedText
from .._fields.sealing import is_sealed
from .._models import known

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sqlalchemy import Table

HIDDEN = "***"
_LONGEST = 100
_SHOWN = 20
_HARMLESS = (int, float, Decimal, UUID, date, datetime, time, timedelta, type(None))

_TELLING = re.compile(r"passw|passphrase|secret|token|credential|apikey", re.IGNORECASE)
_WHOLE = {"key", "keys", "pwd", "otp", "totp", "pin", "cvv"}
_WORDS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_OURS = re.compile(r"key(_\d+)?")  # parameters of this package's own statements
_ASSIGNED = re.compile(
    r"""([\w$]+)["`]?(\s*(?:=|<>|!=|\bLIKE\b|\bILIKE\b|\bIS\b|\s)\s*)'((?:[^']|'')*)'""",
    re.IGNORECASE,
)
_TOKEN = re.compile(
    r"""'(?:[^']|'')*'            # a text
    | %\((?P<named>\w+)\)s | :(?P<colon>[A-Za-z_]\w*)(?<!::) | (?P<mark>\?|%s|\$\d+)
    | "(?P<quoted>(?:[^"]|"")+)" | `(?P<ticked>[^`]+)` | (?P<word>[^\W\d][\w$]*)
    | ::\s*\w+ | [(),]""",
    re.VERBOSE,
)
_ENDS_A_TERM = {"AND", "OR", "WHERE", "HAVING", "SELECT", "SET", "ON", "THEN", "ELSE", "WHEN"} | {
    *("FROM", "JOIN", "USING"),
}
_NO_NAMES = {
    *("NOT", "IN", "IS", "LIKE", "ILIKE", "ESCAPE", "BETWEEN", "NULL", "AS", "CAST", "ANY", "DESC"),
    *("VARCHAR", "TEXT", "INTEGER", "BIGINT", "ASC", "BY", "ARRAY", "RETURNING"),
}


class Place(NamedTuple):
    """A placeholder: its name, if it has one, and whether its value is secret."""

    name: str | None
    secret: bool


def shown_parameters(
    sql: str, given: Any, names: Sequence[str] = ()
) -> tuple[object, ...] | Mapping[str, object]:
    """Return the values given to *sql* as a log may have them; of many sets, the first.

    *names* are those that placeholders without one had in the program.
    """
    one: Any = given
    if isinstance(given, list):
        one = next(iter(cast("Sequence[Any]", given)), ())
    places = _places(sql, _encrypted())
    if isinstance(one, dict):
        values = cast("dict[str, Any]", one)
        secret = {place.name: place.secret for place in places}
        named = [place.name for place in places if place.name in values] or list(values)[:_SHOWN]
        return {str(name): shown(values[name], secret.get(name, True)) for name in named if name}
    if not isinstance(one, tuple | list):
        return ()
    listed = cast("Sequence[Any]", one)
    secrets = [
        place.secret or (number < len(names) and _tells(names[number]))
        for number, place in enumerate(places)
    ]
    return tuple(shown(value, secret) for value, secret in zip(listed, secrets, strict=False))


def shown_sql(sql: str) -> str:
    """Return *sql* without the texts that are given to secret columns in it."""
    if "'" not in sql:
        return sql

    def hide(found: re.Match[str]) -> str:
        return f"{found[1]}{found[2]}'{HIDDEN}'" if is_secret(found[1]) else found[0]

    return _ASSIGNED.sub(hide, sql)


def shown(value: Any, secret: bool) -> object:
    """Return one value as a log may have it."""
    if value is None:
        return None
    if secret:
        return HIDDEN
    if isinstance(value, _HARMLESS):
        return value
    if isinstance(value, bytes | bytearray):
        return f"<{len(value)} bytes>"
    text = value if isinstance(value, str) else repr(value)
    if is_sealed(text) or (text.startswith(("{", "[", "Json")) and _TELLING.search(text)):
        return HIDDEN
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


@lru_cache(4096)
def is_secret(name: str) -> bool:
    """Return whether a column of this name holds what no log should show."""
    if _TELLING.search(name):
        return True
    return any(word.lower() in _WHOLE for word in _WORDS.findall(name))


@lru_cache(1024)
def _places(sql: str, encrypted: frozenset[str]) -> tuple[Place, ...]:
    """Return the first placeholders of *sql*, in order."""
    names = [token for token in re.findall(r"\w+", sql) if is_secret(token) or token in encrypted]
    doubtful = any(not _OURS.fullmatch(name) for name in names)
    made: list[Place] = []
    for name, column in _walk(sql):
        secret = doubtful if column is None else is_secret(column) or column in encrypted
        made.append(Place(name, secret or (name is not None and _tells(name))))
        if len(made) == _SHOWN:
            break
    return tuple(made)


def _walk(sql: str) -> Iterator[tuple[str | None, str | None]]:
    """Give each placeholder's name and the column that it stands for, as far as that is seen."""
    columns: list[str] = []
    listing = inserting = values = False
    depth = place = 0
    column: str | None = None
    for token in _TOKEN.finditer(sql):
        text, word = token[0], token["word"]
        upper = word.upper() if word else ""
        name = token["quoted"] or token["ticked"] or word
        calls = word is not None and sql.startswith("(", token.end())  # lower(password) = …
        if token["named"] or token["colon"] or token["mark"]:
            of = columns[place] if values and depth and place < len(columns) else column
            yield token["named"] or token["colon"], of
        elif upper in {"INSERT", "REPLACE"} and not columns:
            inserting = True
        elif inserting and text == "(":
            inserting, listing = False, True
        elif listing and text == ")":
            listing = False
        elif listing and name:
            columns.append(name)
        elif upper == "VALUES" or (upper == "UNNEST" and columns):  # arrays, one a column
            values, depth, column = True, 0, None
        elif values and text in {"(", ")", ","}:
            depth += {"(": 1, ")": -1, ",": 0}[text]
            place = 0 if text == "(" and depth == 1 else place + (text == "," and depth == 1)
        elif upper in _ENDS_A_TERM:
            values, column = False, None
        elif name and upper not in _NO_NAMES and not (calls or (values and depth)):
            column = name


def _tells(name: str) -> bool:
    """Return whether a parameter's own name says that it is secret."""
    plain = re.sub(r"(_\d+)+$", "", name).removeprefix("v_")
    return is_secret(plain) and not _OURS.fullmatch(plain)


def _encrypted() -> frozenset[str]:
    return _encrypted_in(tuple(known.metadata().tables.values()))


@lru_cache(4)
def _encrypted_in(tables: tuple[Table, ...]) -> frozenset[str]:
    return frozenset(
        column.name
        for table in tables
        for column in table.columns
        if isinstance(column.type, EncryptedText)
    )
