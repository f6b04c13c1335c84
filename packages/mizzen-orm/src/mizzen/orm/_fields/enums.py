"""Enums in columns: by name (as SQLModel does), by value on request, flags as integers."""

from __future__ import annotations

from enum import Enum, Flag
from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import BigInteger, Integer, String
from sqlalchemy.types import TypeDecorator

from .._errors import ConfigurationError, Invalid, Unreadable

if TYPE_CHECKING:
    from sqlalchemy import Dialect
    from sqlalchemy.types import TypeEngine

# Wide enough that one more member seldom needs a migration.
_TEXT = 64


class ByValue:
    """Marks an enum that is stored by its values: `status: Annotated[Status, ByValue()]`.

    Without it an enum is stored by its members' names, on PostgreSQL in a type of its own, where
    each new member is a migration. By value, texts are a VARCHAR and numbers an INTEGER: they sort
    as values do, a new member needs no migration, and the database checks nothing.
    Flags are stored as integers, marked or not.
    """

    def __repr__(self) -> str:
        return "ByValue()"


class EnumValue(TypeDecorator[Any]):
    """The column type of an enum stored by value."""

    impl = String
    cache_ok = True

    def __init__(self, enum: type[Enum]) -> None:
        super().__init__()
        self.enum = enum
        values = [member.value for member in enum.__members__.values()]
        kinds = {_kind(value) for value in values} or {str}
        if len(kinds) > 1 or kinds.pop() is None:
            raise ConfigurationError(
                f"{enum.__name__} can't be stored by value: its values are not all text or all "
                "whole numbers."
            )
        made: Any = self
        made.impl = made.impl_instance = _column_type(values)

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        return value.value if isinstance(value, Enum) else value

    def process_literal_param(self, value: Any, dialect: Dialect) -> str:
        found = self.process_bind_param(value, dialect)
        return str(self.impl_instance.literal_processor(dialect)(found))  # type: ignore[misc]  # pyright: ignore[reportOptionalCall]

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        if value is None:
            return None
        try:
            return self.enum(value)
        except ValueError:
            raise Unreadable(
                f"a column of {self.enum.__name__} holds {value!r}, which is no value of it (any "
                "more): add a member for it, or change those rows.",
            ) from None

    @property
    def python_type(self) -> type[Any]:
        return self.enum


def member(enum: type[Enum], value: Any) -> Any:
    """Return the member that *value* is: itself, its value or its name; raises `Invalid`."""
    if value is None or isinstance(value, enum):
        return value
    try:
        return enum(value)
    except (ValueError, TypeError):  # TypeError: an IntFlag takes numbers only
        pass
    named = _named(enum, value) if isinstance(value, str) else None
    if named is not None:
        return named
    names = ", ".join(enum.__members__)
    message = f"is one of {names}"
    raise Invalid(
        f"{value!r} is no {enum.__name__}: it {message}.",
        errors=[{"field": "", "message": message, "type": "enum"}],
    )


def _named(enum: type[Enum], names: str) -> Enum | None:
    parts = [part.strip() for part in names.split("|")] if issubclass(enum, Flag) else [names]
    if not all(part in enum.__members__ for part in parts):
        return None
    found: Any = enum.__members__[parts[0]]
    for part in parts[1:]:
        found |= enum.__members__[part]
    return cast("Enum", found)


def _kind(value: object) -> type | None:
    if isinstance(value, bool):
        return None
    return next((kind for kind in (str, int) if isinstance(value, kind)), None)


def _column_type(values: list[Any]) -> TypeEngine[Any]:
    if values and isinstance(values[0], str):
        return String(max(_TEXT, *map(len, values)))
    wide = any(not -(2**31) <= value < 2**31 for value in values)
    return BigInteger() if wide else Integer()
