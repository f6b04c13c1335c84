"""A small part of Python as data: written out as source, or made into the values it stands for.

The models of `db.meta.models()` are made from the very description that `db.meta.source()` writes,
without any text being executed.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Mapping

_MODULES = {
    "datetime": ("date", "datetime", "time", "timedelta"),
    "decimal": ("Decimal",),
    "enum": ("StrEnum",),
    "typing": ("Any",),
    "uuid": ("UUID",),
    "pydantic": ("NaiveDatetime",),
    "sqlalchemy": (
        "ARRAY",
        "BigInteger",
        "Boolean",
        "CHAR",
        "CheckConstraint",
        "Column",
        "Computed",
        "Date",
        "DateTime",
        "Double",
        "Enum",
        "Float",
        "ForeignKeyConstraint",
        "Index",
        "Integer",
        "Interval",
        "JSON",
        "LargeBinary",
        "Numeric",
        "REAL",
        "SmallInteger",
        "String",
        "TIMESTAMP",
        "Text",
        "Time",
        "UniqueConstraint",
        "Uuid",
        "text",
    ),
    "sqlalchemy.dialects.mysql": ("LONGBLOB", "LONGTEXT", "MEDIUMTEXT", "TINYINT"),
    "sqlalchemy.dialects.postgresql": ("CIDR", "INET", "JSONB", "TSVECTOR"),
    "sqlalchemy.types": ("NullType",),
    "sqlmodel.sql.sqltypes": ("UTCDateTime",),
    "mizzen.orm": ("Field", "Model", "Relationship", "col"),
}
_BUILTINS = {"bool", "bytes", "float", "int", "list", "str"}
KNOWN: dict[str, str] = {name: module for module, names in _MODULES.items() for name in names}
# Written with their module's short name, so that a field called `date` or `text` hides nothing.
SHORT = {
    "datetime": "dt",
    "sqlalchemy": "sa",
    "sqlalchemy.dialects.mysql": "mysql",
    "sqlalchemy.dialects.postgresql": "postgresql",
}
# The lower-case names that the written module itself uses.
LOWER = {*_BUILTINS, *SHORT.values(), "col"}
WIDTH = 88


@dataclass(frozen=True)
class Name:
    """A known name, such as `int` or `Any`."""

    name: str


@dataclass(frozen=True)
class Call:
    """A call of a known name."""

    name: str
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True)
class Maybe:
    """The annotation `of | None`."""

    of: Any


@dataclass(frozen=True)
class ListOf:
    """The annotation `list[of]`."""

    of: Any


@dataclass(frozen=True)
class Fields:
    """A function that returns fields of a model, which may not be defined yet."""

    model: str
    names: tuple[str, ...]


@dataclass(frozen=True)
class ValuesOf:
    """The function that tells SQLAlchemy to store the values of an enum."""


class Scope:
    """What names stand for: classes made already, and what they import."""

    def __init__(self) -> None:
        self.classes: dict[str, Any] = {}

    def value(self, node: Any) -> Any:
        """Return what *node* stands for."""
        match node:
            case Name(name):
                return self._named(name)
            case Call(name, args, kwargs):
                given = {key: self.value(part) for key, part in kwargs.items()}
                return self._named(name)(*map(self.value, args), **given)
            case Maybe(of):
                return self.value(of) | None
            case ListOf(of):
                return list[self.value(of)]  # type: ignore[misc]
            case Fields(model, names):
                return lambda: [getattr(self.classes[model], name) for name in names]
            case ValuesOf():
                return _values
            case list() | tuple():
                parts = [self.value(part) for part in _sequence(node)]
                return parts if isinstance(node, list) else tuple(parts)
            case dict():
                held = _mapping(node)
                return {key: self.value(part) for key, part in held.items()}
            case _:
                return node

    def _named(self, name: str) -> Any:
        if name in self.classes:
            return self.classes[name]
        if name in _BUILTINS:
            import builtins

            return getattr(builtins, name)
        return getattr(importlib.import_module(KNOWN[name]), name)


def names_in(node: Any) -> set[str]:
    """Return the known names that *node* needs."""
    match node:
        case Name(name):
            return {name}
        case Call(name, args, kwargs):
            return {name}.union(*map(names_in, args), *map(names_in, kwargs.values()))
        case Maybe(of) | ListOf(of):
            return names_in(of)
        case Fields():
            return {"col"}
        case list() | tuple():
            return set[str]().union(*map(names_in, _sequence(node)))
        case dict():
            return set[str]().union(*map(names_in, _mapping(node).values()))
        case _:
            return set()


def written(node: Any, indent: int, used: int, tail: int = 0) -> str:
    """Return the source of *node*, as formatters wrap it; it begins in column *used*."""
    line = one_line(node)
    opening, parts, closing = _parts(node)
    if used + len(line) + tail <= WIDTH or not parts:
        return line
    inner = indent + 4
    joined = ", ".join(prefix + one_line(part) for prefix, part in parts)
    if inner + len(joined) <= WIDTH and not (isinstance(node, tuple) and len(parts) == 1):
        return f"{opening}\n{' ' * inner}{joined}\n{' ' * indent}{closing}"
    lines = [
        f"{' ' * inner}{prefix}{written(part, inner, inner + len(prefix), 1)},\n"
        for prefix, part in parts
    ]
    return f"{opening}\n{''.join(lines)}{' ' * indent}{closing}"


def one_line(node: Any) -> str:
    """Return the source of *node* in one line."""
    match node:
        case Name(name):
            return _short(name)
        case Maybe(of):
            return f"{one_line(of)} | None"
        case ListOf(of):
            return f"list[{one_line(of)}]"
        case Fields(model, names):
            return f"lambda: [{', '.join(f'col({model}.{name})' for name in names)}]"
        case ValuesOf():
            return "lambda kind: [each.value for each in kind]"
        case str():
            return quoted(node)
        case Call() | list() | tuple() | dict():
            opening, parts, closing = _parts(cast("Any", node))
            inner = ", ".join(prefix + one_line(part) for prefix, part in parts)
            comma = "," if isinstance(node, tuple) and len(parts) == 1 else ""
            return f"{opening}{inner}{comma}{closing}"
        case _:
            return repr(node)


def quoted(value: str) -> str:
    """Return a text as a literal, in double quotes where it holds none."""
    shown = repr(value)
    return f'"{shown[1:-1]}"' if shown[0] == "'" and '"' not in shown else shown


def _parts(node: Any) -> tuple[str, list[tuple[str, Any]], str]:
    match node:
        case Call(name, args, kwargs):
            keywords = [(f"{key}=", part) for key, part in kwargs.items()]
            return f"{_short(name)}(", [*(("", part) for part in args), *keywords], ")"
        case list():
            return "[", [("", part) for part in _sequence(node)], "]"
        case tuple():
            return "(", [("", part) for part in _sequence(node)], ")"
        case dict():
            held = _mapping(node)
            return "{", [(f"{quoted(key)}: ", part) for key, part in held.items()], "}"
        case _:
            return "", [], ""


def _mapping(node: Any) -> dict[str, Any]:
    return cast("dict[str, Any]", node)


def _sequence(node: Any) -> list[Any]:
    return cast("list[Any]", node)


def _short(name: str) -> str:
    short = SHORT.get(KNOWN.get(name, ""))
    return f"{short}.{name}" if short else name


def _values(kind: Any) -> list[str]:
    return [each.value for each in kind]
