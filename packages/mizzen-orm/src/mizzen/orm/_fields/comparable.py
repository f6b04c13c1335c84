"""What a look-up's value is to a field of a plain type: "5", as an address has it, is the number 5.

Databases differ there: SQLite compares a date with any text, PostgreSQL refuses, MariaDB finds the
row 5 for "5 or so".
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING, Any
from uuid import UUID

from pydantic import AwareDatetime, NaiveDatetime, TypeAdapter, ValidationError

from .._errors import Invalid
from .annotations import bare

if TYPE_CHECKING:
    from .._models.model import Model

# The classes of values that the database compares with a field of this type as they are.
_NUMBERS: frozenset[type] = frozenset({int, float, Decimal})
_TAKEN: dict[Any, frozenset[type]] = {
    **dict.fromkeys((int, float, Decimal), _NUMBERS),
    **dict.fromkeys((datetime, NaiveDatetime, AwareDatetime), frozenset({datetime})),
    **{kind: frozenset({kind}) for kind in (bool, date, time, timedelta, UUID, bytes)},
}


def taken(model: type[Model], field: str) -> frozenset[type] | None:
    """Return the classes of values that *field* is compared with as they are; None: all."""
    return _TAKEN.get(_kind(model, field))


def comparable(model: type[Model], field: str, value: Any) -> Any:
    """Return *value* as the field's type has it; raises `Invalid` for what is no such value."""
    kind = _kind(model, field)
    accepted = _TAKEN.get(kind)
    if value is None or accepted is None or value.__class__ in accepted:
        return value
    if accepted is _NUMBERS and isinstance(value, int | float) and not isinstance(value, bool):
        return value
    try:
        return _adapter(kind).validate_python(value)
    except ValidationError as error:
        said = error.errors(include_url=False, include_input=False, include_context=False)[0]
        raise Invalid(
            f"{model.__name__}.{field} can't be looked up: {said['msg']}",
            model=model.__name__,
            errors=[{"field": field, "message": said["msg"], "type": said["type"]}],
        ) from error


def _kind(model: type[Model], field: str) -> Any:
    info = model.__pydantic_fields__.get(field)
    kind = None if info is None else bare(info.annotation)
    return kind if isinstance(kind, type) else None


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)
