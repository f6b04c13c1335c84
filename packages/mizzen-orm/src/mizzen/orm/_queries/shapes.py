"""Queries of plain look-ups, compiled once for each shape: names, operators, kinds of values.

`where(stars__gt=3).order("-id").limit(5)` costs 350 µs to build, to compare and to look up in
SQLAlchemy; here 30. A look-up is kept as it was given and becomes SQL when a shape is seen for the
first time, or when something else than a plain read asks for it. Whatever could make two queries
of one shape differ is part of the shape, or the query is none of these: values are compared by
their class, None and booleans by themselves, lists by the next power of two of their length, and
whether one tenant or all are meant. Which tenant it is is a parameter.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

from sqlalchemy.orm import InstrumentedAttribute

from .._errors import Invalid
from .._fields.annotations import bare, is_class
from .._fields.comparable import taken
from .._fields.lookups import lookup_value, refuse_order_by
from .._fields.normalized import is_normalized
from .._models.hydration import mapper_of
from .._relations import matching
from . import filters, lookups

if TYPE_CHECKING:
    from collections.abc import Sequence

_VALUES = frozenset({str, int, float, bytes, Decimal, date, datetime, time, timedelta, UUID})
_OPERATORS = frozenset({"eq", "ne", "gt", "gte", "lt", "lte", "in", "isnull"})
_LONGEST = 512
# Parts of a query that a plan holds, or that whoever runs it sees to.
_HANDLED = {"_model", "_database", "_conditions", "_keys", "_limit", "_offset", "_by_default"} | {
    "_options",
    "_paths",
    "_later",
    "_strict",
}


class Lookup:
    """A look-up that was checked; SQL when it is asked for that."""

    __slots__ = ("_model", "_name", "_value", "shape", "values")

    def __init__(
        self, model: type[Any], name: str, value: Any, shape: tuple[Any, ...], values: Sequence[Any]
    ) -> None:
        self._model, self._name, self._value = model, name, value
        self.shape, self.values = shape, values

    def __clause_element__(self) -> Any:
        """Return the expression, for SQLAlchemy."""
        return lookups.condition(self._model, self._name, self._value)

    def padded(self) -> Any:
        """Return the expression with as many values as the shape has room for."""
        many = self.shape[1] == "in"
        value = list(self.values) if many else self._value
        return lookups.condition(self._model, self._name, value)


class _Memo:
    """What is known of one mapping of a model; a new mapping begins anew."""

    def __init__(self, model: type[Any]) -> None:
        self.mapper = model.__dict__["__mapper__"]
        self.simple: dict[str, tuple[str, str, frozenset[type]] | None] = {}
        self.orders: dict[str, Any] = {}
        self.order_names: dict[int, str] = {}


def lookup(model: type[Any], name: str, value: Any) -> Lookup | None:
    """Return the plain look-up `name=value`, or None if it is not plain (or wrong)."""
    try:
        return _lookup(model, name, value)
    except (TypeError, Invalid):  # said better by `lookups.condition`
        return None


def _lookup(model: type[Any], name: str, value: Any) -> Lookup | None:
    known = _memo(model).simple
    if name not in known:
        if not _exists(model, name):
            return None  # nothing is kept of names that come from outside
        known[name] = _simple(model, name)
    found = known[name]
    if found is None:
        return None
    field, operator, fitting = found
    if operator == "isnull":
        if value is not True and value is not False:
            return None
        return Lookup(model, name, value, (name, "isnull", value), ())
    if operator == "in":
        return _among(model, name, field, value, fitting)
    good = value
    if value is not None and value.__class__ not in fitting:
        good = lookup_value(model, field, operator, value)
    if good is None or good is True or good is False:
        # Written out in SQL: IS NULL, = true.
        return Lookup(model, name, good, (name, "is", good), ()) if operator == "eq" else None
    kind = good.__class__
    if kind not in _VALUES and not issubclass(kind, Enum):
        return None
    return Lookup(model, name, value, (name, "one", kind), (good,))


def order(model: type[Any], key: str) -> Any:
    """Return what `order(key)` sorts by; raises `UnknownName`."""
    memo = _memo(model)
    found = memo.orders.get(key)
    if found is None:
        made = lookups.readable(model, key.removeprefix("-"))
        refuse_order_by(made)
        found = memo.orders[key] = made.desc() if key.startswith("-") else made
        memo.order_names[id(found)] = key
    return found


def shape_of(query: Any) -> tuple[Any, ...] | None:
    """Return what *query* has in common with those that one statement serves; None if not plain."""
    model = query._model
    for name, value in query.__dict__.items():
        if value and name not in _HANDLED:
            return None
    conditions = query._conditions
    if not all([condition.__class__ is Lookup for condition in conditions]):
        return None
    memo = _memo(model)
    keys = [_key_name(model, memo, key) for key in query._keys]
    if None in keys:
        return None
    asked = tuple([condition.shape for condition in conditions])
    limits = (query._limit is None, query._offset is None)
    return (memo, asked, tuple(keys), limits, filters.mode(model))


def _key_name(model: type[Any], memo: _Memo, key: Any) -> str | None:
    found = memo.order_names.get(id(key))
    if found is None and isinstance(key, InstrumentedAttribute):
        name = str(cast("Any", key).key)
        return name if getattr(model, name, None) is key else None
    return found


def _memo(model: type[Any]) -> _Memo:
    found: _Memo | None = model.__dict__.get("__shapes__")
    if found is None or found.mapper is not model.__dict__["__mapper__"]:
        found = _Memo(model)
        type.__setattr__(model, "__shapes__", found)
    return found


def _exists(model: type[Any], name: str) -> bool:
    field, across, operator = name.rpartition("__")
    columns = mapper_of(model).column_attrs
    return name in columns or (bool(across) and operator in _OPERATORS and field in columns)


def _simple(model: type[Any], name: str) -> tuple[str, str, frozenset[type]] | None:
    """Return the field, the operator, and what needs no second look; None if not plain."""
    if matching.is_about(model, name) or name.partition("__")[0] in mapper_of(model).relationships:
        return None
    field, across, operator = name.rpartition("__")
    if not across or operator not in _OPERATORS:
        field, operator = name, "eq"
    if not _is_usual(mapper_of(model).column_attrs[field].columns[0]):
        return None
    annotation: Any = bare(model.__pydantic_fields__[field].annotation)
    if is_class(annotation, Enum) or is_normalized(model, field):
        return field, operator, frozenset()
    return field, operator, taken(model, field) or _VALUES | {bool}


def _is_usual(column: Any) -> bool:
    """Return whether a comparison with *column* depends on the value's class only."""
    modules = {base.__module__.partition(".")[0] for base in type(column.comparator).__mro__}
    kind = cast("Any", type(column.type))
    compared = kind.coerce_compared_value.__module__.partition(".")[0]
    return modules <= {"sqlalchemy", "typing", "builtins"} and compared in {
        "sqlalchemy",
        "sqlmodel",
    }


def _among(
    model: type[Any], name: str, field: str, value: Any, fitting: frozenset[type]
) -> Lookup | None:
    if value.__class__ not in {list, tuple, set, frozenset} or not 0 < len(value) <= _LONGEST:
        return None
    given = list(value)
    kinds = {one.__class__ for one in given}
    values: list[Any] = given
    if not kinds <= fitting:
        values = lookup_value(model, field, "in", given)
        kinds = {one.__class__ for one in values}
    kind = kinds.pop()
    if kinds or (kind not in _VALUES and not issubclass(kind, Enum)):
        return None
    room = 1 << (len(values) - 1).bit_length()
    filled = values + values[-1:] * (room - len(values))
    return Lookup(model, name, given, (name, "in", kind, room), filled)


def among(model: type[Any], field: str, values: list[Any]) -> Any:
    """Return the condition that *field* has one of *values*, which come from the database."""
    name = f"{field}__in"
    known = _memo(model).simple
    if name not in known:
        known[name] = _simple(model, name)
    found = _among(model, name, field, values, _VALUES) if known[name] is not None else None
    return getattr(model, field).in_(values) if found is None else found
