"""Look-ups: `stars__gt=3` as an expression; a name must be a mapped field, or it is an error."""

from __future__ import annotations

from collections.abc import Iterable
from inspect import iscoroutine
from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import ColumnElement, and_, any_, extract, func, inspect, literal, not_, select
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.types import (
    ARRAY,
    JSON,
    Boolean,
    Date,
    DateTime,
    Float,
    Integer,
    Interval,
    LargeBinary,
    Numeric,
    String,
    Time,
    Uuid,
)

from .._errors import UnknownName
from .._fields.lookups import lookup_value
from .._models.validation import unknown
from .._relations import matching
from . import scopes
from .functions import Lower, OneOfMany, Position

if TYPE_CHECKING:
    from collections.abc import Callable

    from .._models.model import Model


def _any_case(field: Any, value: Any) -> tuple[Any, Any]:
    text = _text(value)
    # The database's own function, which an index may be on, wherever it is as good.
    lower: Any = func.lower if text.isascii() else Lower
    return lower(field), lower(literal(text, String()))


def _contains(field: Any, value: Any) -> Any:
    return Position(field, value) > 0


def _starts(field: Any, value: Any) -> Any:
    return Position(field, value) == 1


def _ends(field: Any, value: Any) -> Any:
    return func.substr(field, func.char_length(field) - func.char_length(value) + 1) == value


def _same(field: Any, value: Any) -> Any:
    return field == value


def _two(value: Any) -> tuple[Any, Any]:
    ends = list(value)
    if len(ends) != 2:
        raise TypeError("takes the least and the greatest value")
    return ends[0], ends[1]


def _many(value: Any) -> Any:
    if isinstance(value, str | bytes):
        raise TypeError("takes a list of values, not one text")
    if not isinstance(value, Iterable) and not hasattr(value, "__clause_element__"):
        raise TypeError(f"takes a list of values, not {type(value).__name__}")
    many = cast("Any", value)
    return many if hasattr(many, "__clause_element__") else list(many)


def _text(value: Any) -> str:
    if value is None:
        raise TypeError("takes a text; `isnull=True` asks for NULL")
    return str(value)


def _yes(value: Any) -> bool:
    if value not in (True, False):
        raise TypeError("takes True or False")
    return bool(value)


def _without_null(many: Any) -> list[Any] | None:
    """Return the values but None, which SQL never finds in a list; None: it is not among them."""
    if not isinstance(many, list):
        return None
    given = list(cast("Any", many))
    others = [one for one in given if one is not None]
    return None if len(others) == len(given) else others


def _among(field: Any, value: Any) -> Any:
    many = _many(value)
    if (others := _without_null(many)) is None:
        return _one_of(field, many)
    return _one_of(field, others) | field.is_(None)


def _not_among(field: Any, value: Any) -> Any:
    many = _many(value)
    if (others := _without_null(many)) is None:
        return not_(_one_of(field, many)) | field.is_(None)
    return not_(_one_of(field, others)) & field.is_not(None)


def _one_of(field: Any, many: Any) -> Any:
    given = cast("list[object]", many) if isinstance(many, list) else []
    if len(given) < _PARAMETERS:
        return field.in_(many)
    array: Any = literal(many, ARRAY(field.type))
    return OneOfMany(field.in_(many), field == any_(array))


def _part(name: str) -> Callable[[Any, Any], Any]:
    return lambda field, value: extract(name, field) == value


LOOKUPS: dict[str, Callable[[Any, Any], Any]] = {
    "eq": lambda field, value: field == value,
    "ne": lambda field, value: field.is_distinct_from(value),
    "gt": lambda field, value: field > value,
    "gte": lambda field, value: field >= value,
    "lt": lambda field, value: field < value,
    "lte": lambda field, value: field <= value,
    "between": lambda field, value: field.between(*_two(value)),
    "in": _among,
    "not_in": _not_among,
    "contains": lambda field, value: _contains(field, _text(value)),
    "icontains": lambda field, value: _contains(*_any_case(field, value)),
    "startswith": lambda field, value: _starts(field, _text(value)),
    "istartswith": lambda field, value: _starts(*_any_case(field, value)),
    "endswith": lambda field, value: _ends(field, literal(_text(value), String())),
    "iendswith": lambda field, value: _ends(*_any_case(field, value)),
    "iexact": lambda field, value: _same(*_any_case(field, value)),
    "like": lambda field, value: field.like(_text(value)),
    "isnull": lambda field, value: field.is_(None) if _yes(value) else field.is_not(None),
    **{part: _part(part) for part in ("year", "month", "day", "hour", "minute")},
}


# PostgreSQL's protocol counts the parameters of a statement in two bytes.
_PARAMETERS = 30_000
_OF_ONE = {"eq", "ne", "gt", "gte", "lt", "lte"}
_OF_TEXT = {"contains", "icontains", "startswith", "istartswith", "endswith", "iendswith"} | {
    "iexact",
    "like",
}
_SEVERAL = (list, tuple, set, frozenset, dict)


_NUMBERS_AND_TIMES = (Integer, Numeric, Float, Boolean, Date, DateTime, Time, Uuid)
_PLAIN = (String, *_NUMBERS_AND_TIMES)
_BYTES = cast("Any", LargeBinary())._type_affinity
_NO_TEXTS = (Interval, JSON, _BYTES, *_NUMBERS_AND_TIMES)


def _is_plain(attribute: Any) -> bool:
    return attribute.type._type_affinity in _PLAIN


def condition(model: type[Model], name: str, value: Any) -> ColumnElement[bool]:
    """Return the expression that `name=value` stands for."""
    if matching.is_about(model, name):
        return cast("ColumnElement[bool]", matching.condition(model, name, value))
    first, across, rest = name.partition("__")
    if across and first in inspect(model).relationships:
        way = relation(model, first)
        target = way.property.mapper.class_
        beyond = and_(condition(target, rest, value), *scopes.conditions(target))
        matched: ColumnElement[bool] = way.any(beyond) if way.property.uselist else way.has(beyond)
        return matched
    field, separator, operator = name.rpartition("__")
    if not separator:
        field, operator = name, "eq"
    elif operator not in LOOKUPS:
        if name in inspect(model).column_attrs:
            field, operator = name, "eq"
        else:
            known = ", ".join(LOOKUPS)
            raise UnknownName(
                f"{model.__name__}: {name!r} ends in no look-up; known are {known}.",
                model=model.__name__,
                name=name,
            )
    attribute = readable(model, field)
    try:
        own = field in inspect(model).column_attrs
        _refuse_others(field, value)
        several = isinstance(cast("object", value), _SEVERAL)
        if own and operator in _OF_ONE and several and _is_plain(attribute):
            raise TypeError(f"takes one value; {field}__in takes several")
        good = lookup_value(model, field, operator, value) if own else value
        if own and operator in _OF_TEXT and attribute.type._type_affinity in _NO_TEXTS:
            raise TypeError(f"{field} is no text, and {operator} looks into texts")
        result: ColumnElement[bool] = LOOKUPS[operator](attribute, good)
    except (TypeError, ArgumentError) as error:
        raise UnknownName(f"{model.__name__}: {name}={value!r}: {error}") from error
    return result


def _refuse_others(field: str, value: object) -> None:
    if iscoroutine(value):
        raise TypeError("takes a value: is an `await` missing?")
    several = isinstance(value, list | tuple | set)
    first: object = next(iter(cast("Any", value)), None) if several else value
    if hasattr(first, "_sa_instance_state"):
        raise TypeError(
            f"{field} is a column: give a key, such as {field}=row.id, or look for the object "
            "itself by the relation's name"
        )


def unlimited(rows: Any) -> Any:
    """Return a SELECT for IN (…), where MariaDB and MySQL take no LIMIT: it goes into FROM."""
    limited = rows._limit_clause is not None or rows._offset_clause is not None
    return select(rows.subquery()) if limited else rows


def column(model: type[Model], name: str) -> Any:
    """Return the mapped attribute *name*; anything else a string might say is an error."""
    if name not in inspect(model).column_attrs:
        raise unknown(model, name)
    return getattr(model, name)


def readable(model: type[Model], name: str) -> Any:
    """Return the mapped attribute or the hybrid *name*."""
    if isinstance(inspect(model).all_orm_descriptors.get(name), hybrid_property):
        return getattr(model, name)
    return column(model, name)


def relation(model: type[Model], name: str) -> Any:
    """Return the relation *name*."""
    relations = inspect(model).relationships
    if name not in relations:
        known = ", ".join(relations.keys()) or "none"
        path = f" Several are written {name.replace('__', '.')!r}." if "__" in name else ""
        raise UnknownName(
            f"{model.__name__} has no relation {name!r}; its relations are {known}.{path}",
            model=model.__name__,
            name=name,
        )
    return getattr(model, name)
