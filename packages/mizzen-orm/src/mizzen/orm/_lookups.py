"""Look-ups: `stars__gt=3` as an expression; a name must be a mapped field, or it is an error."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, func, inspect
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import Integer

from ._errors import UnknownName
from ._validation import unknown

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.sql.compiler import SQLCompiler

    from ._model import Model


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


def _contains_any_case(field: Any, value: Any) -> Any:
    return _Position(func.lower(field), func.lower(str(value))) > 0


LOOKUPS: dict[str, Callable[[Any, Any], Any]] = {
    "eq": lambda field, value: field == value,
    "ne": lambda field, value: field.is_distinct_from(value),
    "gt": lambda field, value: field > value,
    "gte": lambda field, value: field >= value,
    "lt": lambda field, value: field < value,
    "lte": lambda field, value: field <= value,
    "in": lambda field, value: field.in_(list(value)),
    "contains": lambda field, value: _Position(field, str(value)) > 0,
    "icontains": _contains_any_case,
    "startswith": lambda field, value: _Position(field, str(value)) == 1,
    "isnull": lambda field, value: field.is_(None) if value else field.is_not(None),
}


def condition(model: type[Model], name: str, value: Any) -> ColumnElement[bool]:
    """Return the expression that `name=value` stands for."""
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
    try:
        result: ColumnElement[bool] = LOOKUPS[operator](column(model, field), value)
    except TypeError as error:
        raise UnknownName(f"{model.__name__}: {name}={value!r}: {error}") from error
    return result


def column(model: type[Model], name: str) -> Any:
    """Return the mapped attribute *name*; anything else a string might say is an error."""
    if name not in inspect(model).column_attrs:
        raise unknown(model, name)
    return getattr(model, name)


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
