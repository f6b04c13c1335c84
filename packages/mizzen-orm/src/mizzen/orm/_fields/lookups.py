"""What a look-up's value is for its field: of its type, normalised, or refused."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from typing import TYPE_CHECKING, Any

from sqlalchemy import ClauseElement
from sqlalchemy.orm import RelationshipProperty

from .._errors import UnknownName
from .annotations import bare, is_class
from .comparable import comparable
from .encrypted import EncryptedText, refused
from .enums import member
from .normalized import normalized

if TYPE_CHECKING:
    from .._models.model import Model

_WHOLE = {"eq", "ne", "gt", "gte", "lt", "lte"}
_MANY = {"in", "not_in", "between"}
# What encrypted text can be asked; whether it may depends on the field.
_EXACT = {"eq", "ne", "in", "not_in", "isnull"}


def lookup_value(model: type[Model], field: str, operator: str, value: Any) -> Any:
    """Return *value* for `field__operator=value`.

    Raises `Invalid` for what is no value of the field, and `UnknownName` for a look-up that an
    encrypted field doesn't have. SQLAlchemy expressions are left alone.
    """
    kind = getattr(model, field).type
    if isinstance(kind, EncryptedText) and operator not in _EXACT:
        raise refused(kind, f"look-up {operator!r}")
    if isinstance(value, ClauseElement) or hasattr(value, "__clause_element__"):
        return value
    if operator in _MANY and _is_many(value):
        return [_one(model, field, part) for part in value]
    # A part of a text (`contains`) or of a time (`year`) is no value of the field.
    return _one(model, field, value) if operator in _WHOLE else value


def refuse_order(model: type[Model], field: str) -> None:
    """Raise `UnknownName` when rows can't be ordered by *field*: encrypted text has no order."""
    refuse_order_by(getattr(model, field))


def refuse_order_by(key: object) -> None:
    """Raise `UnknownName` for an expression that is encrypted text, or a relation."""
    if isinstance(getattr(key, "property", None), RelationshipProperty):
        raise UnknownName(f"{key} is a relation: join it, and order by a field of its model.")
    kind = getattr(key, "type", None)
    if isinstance(kind, EncryptedText):
        raise refused(kind, "order")


def _is_many(value: object) -> bool:
    return isinstance(value, Iterable) and not isinstance(value, str | bytes)


def _one(model: type[Model], field: str, value: Any) -> Any:
    info = model.__pydantic_fields__.get(field)
    enum: Any = bare(info.annotation) if info is not None else None
    if is_class(enum, Enum):
        return member(enum, value)
    return normalized(model, field, comparable(model, field, value))
