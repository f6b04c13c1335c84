"""A driver's answer as text and back, for caches that keep bytes; values keep their types."""

from __future__ import annotations

import base64
import json
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

from .._connections.direct import Answer

if TYPE_CHECKING:
    from collections.abc import Callable

_AS_THEY_ARE = (str, int, float, bool, type(None))

_TO_TEXT: dict[type, tuple[str, Callable[[Any], str]]] = {
    bytes: ("bytes", lambda value: base64.b64encode(value).decode()),
    datetime: ("datetime", datetime.isoformat),
    date: ("date", date.isoformat),
    time: ("time", time.isoformat),
    timedelta: ("span", lambda value: f"{value.days} {value.seconds} {value.microseconds}"),
    Decimal: ("decimal", str),
    UUID: ("uuid", str),
    dict: ("json", json.dumps),
    list: ("json", json.dumps),
}
_FROM_TEXT: dict[str, Callable[[str], Any]] = {
    "bytes": base64.b64decode,
    "datetime": datetime.fromisoformat,
    "date": date.fromisoformat,
    "time": time.fromisoformat,
    "span": lambda text: timedelta(*map(int, text.split())),
    "decimal": Decimal,
    "uuid": UUID,
    "json": json.loads,
}


class Unkeepable(Exception):
    """A value of a type that has no text here."""


def written(values: Any) -> str:
    """Return values (a tuple, or a mapping by name) as text, the same for the same values."""
    if isinstance(values, dict):
        named = cast("dict[str, Any]", values)
        return json.dumps({name: _packed(named[name]) for name in sorted(named)})
    return json.dumps([_packed(value) for value in cast("tuple[Any, ...]", values)])


def pack(answer: Answer) -> str:
    """Return *answer* as text; raises `Unkeepable`."""
    codes = [code[1] if isinstance(code[1], int) else None for code in answer.codes]
    rows = [[_packed(value) for value in row] for row in answer.rows]
    return json.dumps({"codes": codes, "rows": rows})


def unpack(text: str) -> Answer:
    """Return the answer that `pack` was given."""
    held = json.loads(text)
    rows = [tuple(_unpacked(value) for value in row) for row in held["rows"]]
    return Answer(rows, [(None, code) for code in held["codes"]], len(rows))


def _packed(value: Any) -> Any:
    kind: type[Any] = value.__class__
    if kind in _AS_THEY_ARE:
        return value
    if kind not in _TO_TEXT:
        raise Unkeepable(kind.__qualname__)
    name, to_text = _TO_TEXT[kind]
    try:
        return [name, to_text(value)]
    except (TypeError, ValueError) as error:
        raise Unkeepable(kind.__qualname__) from error


def _unpacked(value: Any) -> Any:
    if isinstance(value, list):
        name, text = cast("list[str]", value)
        return _FROM_TEXT[name](text)
    return value
