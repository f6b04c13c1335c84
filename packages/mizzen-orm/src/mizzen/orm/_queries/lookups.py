"""Look-ups: `stars__gt=3` as an expression; a name must be a mapped field, or it is an error."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import ColumnElement, and_, extract, func, inspect
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import (
    Boolean,
    Date,
    DateTime,
    Float,
    Integer,
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

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.sql.compiler import SQLCompiler

    from .._models.model import Model


class _Position(FunctionElement[int]):
    """Where a text occurs, from 1; 0 when it doesn't. Exact case on every database, unlike LIKE."""

    type = Integer()
    name = "position"
    inherit_cache = True


@compiles(_Position)
def _strpos(element: _Position, compiler: SQLCompiler, **options: Any) -> str:
    return f"strpos({compiler.process(element.clauses, **options)})"


@compiles(_Position, "sqlite")
def _instr(element: _Position, compiler: SQLCompiler, **options: Any) -> str:
    return f"instr({compiler.process(element.clauses, **options)})"


@compiles(_Position, "mysql", "mariadb")
def _bytes(element: _Position, compiler: SQLCompiler, **options: Any) -> str:
    # These servers compare by the columns' collation, which may not tell "A" from "a".
    parts = (compiler.process(part, **options) for part in element.clauses)
    return f"instr({', '.join(f'CAST(CONVERT({part} USING utf8mb4) AS BINARY)' for part in parts)})"


def _contains_any_case(field: Any, value: Any) -> Any:
    return _Position(func.lower(field), func.lower(_text(value))) > 0


def _ends(field: Any, value: str, *, any_case: bool = False) -> Any:
    wanted: Any = func.lower(value) if any_case else value
    return func.substr(field, func.length(field) - (len(value) - 1)) == wanted


def _two(value: Any) -> tuple[Any, Any]:
    ends = list(value)
    if len(ends) != 2:
        raise TypeError("takes the least and the greatest value")
    return ends[0], ends[1]


def _many(value: Any) -> Any:
    if isinstance(value, str | bytes):
        raise TypeError("takes a list of values, not one text")
    return value if hasattr(value, "__clause_element__") else list(value)


def _text(value: Any) -> str:
    if value is None:
        raise TypeError("takes a text; `isnull=True` asks for NULL")
    return str(value)


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
        return field.in_(many)
    return field.in_(others) | field.is_(None)


def _not_among(field: Any, value: Any) -> Any:
    many = _many(value)
    if (others := _without_null(many)) is None:
        return field.not_in(many) | field.is_(None)
    return field.not_in(others) & field.is_not(None)


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
    "contains": lambda field, value: _Position(field, _text(value)) > 0,
    "icontains": _contains_any_case,
    "startswith": lambda field, value: _Position(field, _text(value)) == 1,
    "istartswith": lambda field, value: _Position(func.lower(field), func.lower(_text(value))) == 1,
    "endswith": lambda field, value: _ends(field, _text(value)),
    "iendswith": lambda field, value: _ends(func.lower(field), _text(value), any_case=True),
    "iexact": lambda field, value: func.lower(field) == func.lower(_text(value)),
    "like": lambda field, value: field.like(_text(value)),
    "isnull": lambda field, value: field.is_(None) if value else field.is_not(None),
    **{part: _part(part) for part in ("year", "month", "day", "hour", "minute")},
}


_OF_ONE = {"eq", "ne", "gt", "gte", "lt", "lte"}
_SEVERAL = (list, tuple, set, frozenset, dict)


def _is_plain(attribute: Any) -> bool:
    kinds = (Integer, String, Numeric, Float, Boolean, Date, DateTime, Time, Uuid)
    return attribute.type._type_affinity in kinds


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
        good = lookup_value(model, field, operator, value) if own else value
        if own and operator in _OF_ONE and isinstance(good, _SEVERAL) and _is_plain(attribute):
            raise TypeError(f"takes one value; {field}__in takes several")
        result: ColumnElement[bool] = LOOKUPS[operator](attribute, good)
    except (TypeError, ArgumentError) as error:
        raise UnknownName(f"{model.__name__}: {name}={value!r}: {error}") from error
    return result


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
        raise UnknownName(
            f"{model.__name__} has no relation {name!r}; its relations are {known}.",
            model=model.__name__,
            name=name,
        )
    return getattr(model, name)
