"""What a data frame and a shown table know of a model's columns: name, kind, may it be empty."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal, cast
from uuid import UUID

from sqlalchemy import JSON, Enum, inspect

from .._errors import UnknownName

if TYPE_CHECKING:
    from collections.abc import Sequence

Kind = Literal[
    "integer",
    "float",
    "boolean",
    "string",
    "category",
    "decimal",
    "datetime",
    "aware",
    "date",
    "time",
    "duration",
    "bytes",
    "uuid",
    "object",
]

# The order matters: a bool is an int, and a datetime is a date.
_KINDS: list[tuple[type, Kind]] = [
    (bool, "boolean"),
    (int, "integer"),
    (float, "float"),
    (Decimal, "decimal"),
    (datetime, "datetime"),
    (date, "date"),
    (time, "time"),
    (timedelta, "duration"),
    (UUID, "uuid"),
    (bytes, "bytes"),
    (str, "string"),
]


@dataclass(frozen=True)
class Column:
    """One column of a result; `choices` are the values of a category, in their order."""

    name: str
    kind: Kind = "object"
    nullable: bool = True
    choices: tuple[str, ...] = ()
    scale: int | None = None


def columns_of(
    model: type, names: Sequence[str] | None = None, *, hidden: bool = False
) -> list[Column]:
    """Return *model*'s mapped columns, or those of *names*.

    Without *hidden* the fields with `repr=False` are left out, unless they are named.
    """
    mapper = cast("Any", inspect(model))
    attributes: dict[str, Any] = {each.key: each.columns[0] for each in mapper.column_attrs}
    if names is None:
        fields: dict[str, Any] = getattr(model, "__pydantic_fields__", {})
        ordered = [*(name for name in fields if name in attributes)]
        ordered += [name for name in attributes if name not in fields]
        names = [name for name in ordered if hidden or getattr(fields.get(name), "repr", True)]
    for name in names:
        if name not in attributes:
            raise UnknownName(
                f"{model.__name__} has no column {name!r}; its columns are "
                f"{', '.join(attributes)}.",
                model=model.__name__,
                name=name,
            )
    return [column_of(name, attributes[name]) for name in names]


def column_of(name: str, column: Any) -> Column:
    """Return what is known of a SQLAlchemy column, which the result calls *name*."""
    nullable = bool(getattr(column, "nullable", True))
    kind = _kind(column.type)
    return Column(
        name,
        kind,
        nullable,
        _choices(column.type) if kind == "category" else (),
        cast("int | None", getattr(column.type, "scale", None)) if kind == "decimal" else None,
    )


def category(value: object) -> object:
    """Return the text that stands for a member of an enum: its value, or its name."""
    if not isinstance(value, enum.Enum):
        return value
    held: object = value.value
    return held if isinstance(held, str) else value.name


def _kind(type_: Any) -> Kind:
    innermost = getattr(type_, "impl_instance", type_)
    if isinstance(innermost, Enum):
        return "category"
    if isinstance(innermost, JSON):
        return "object"
    # Most TypeDecorators say nothing of their own; what they decorate does.
    for python in (_python_type(type_), _python_type(innermost)):
        for known, kind in _KINDS:
            if issubclass(python, known):
                aware = kind == "datetime" and bool(getattr(innermost, "timezone", False))
                return "aware" if aware else kind
    return "object"


def _python_type(type_: Any) -> type:
    try:
        return cast("type", type_.python_type)
    except NotImplementedError:
        return object


def _choices(type_: Any) -> tuple[str, ...]:
    innermost = getattr(type_, "impl_instance", type_)
    if innermost.enum_class is None:
        return tuple(innermost.enums)
    return tuple(str(category(member)) for member in innermost.enum_class)
