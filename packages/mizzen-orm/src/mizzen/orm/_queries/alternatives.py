"""Conditions as callers give them: expressions, dicts of look-ups and keywords."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import Boolean, ColumnElement, and_, true
from sqlalchemy.orm import InstrumentedAttribute, QueryableAttribute

from .._errors import UnknownName
from . import shapes
from .lookups import condition

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .._models.model import Model


def conditions(
    model: type[Model], caller: str, given: tuple[object, ...], lookups: Mapping[str, Any]
) -> list[ColumnElement[bool]]:
    """Return one expression for each of *given* and each of *lookups*."""
    made = [_one(model, caller, each) for each in given]
    if caller == "where":
        return [*made, *(_lookup(model, name, value) for name, value in lookups.items())]
    return [*made, *(_named(model, name, value) for name, value in lookups.items())]


def _lookup(model: type[Model], name: str, value: Any) -> Any:
    plain = shapes.lookup(model, name, value)
    return _named(model, name, value) if plain is None else plain


def _named(model: type[Model], name: str, value: Any) -> ColumnElement[bool]:
    if name.endswith("__") and name not in model.__pydantic_fields__:
        raise UnknownName(
            f"{model.__name__}: {name!r} has nothing behind its underscores: write "
            f"{name.rstrip('_')}=…, or a look-up or field there, as in {name}in=….",
            model=model.__name__,
            name=name,
        )
    return condition(model, name, value)


def _may_be_true(given: object) -> bool:
    """Return whether a condition may be this alone: a hybrid, or a field of booleans."""
    if not isinstance(given, InstrumentedAttribute):
        return isinstance(given, QueryableAttribute)
    return isinstance(getattr(cast("Any", given), "type", None), Boolean)


def _instead(caller: str, given: object) -> str:
    if isinstance(given, bool):
        return (
            " `and`, `or`, `not`, `in` and `is` are Python's own, and don't reach the database: "
            "write &, |, ~, field__in=[…] and field=None."
        )
    if isinstance(given, list | tuple):
        return f" Give each condition by itself: {caller}(*conditions)."
    return " SQL of one's own goes to `raw()`." if isinstance(given, str) else ""


def _one(model: type[Model], caller: str, given: object) -> ColumnElement[bool]:
    if isinstance(given, ColumnElement | shapes.Lookup):
        return cast("ColumnElement[bool]", given)
    if _may_be_true(given):
        return cast("ColumnElement[bool]", cast("Any", given).__clause_element__())
    if not isinstance(given, dict):
        raise UnknownName(
            f"{caller}() takes expressions such as {model.__name__}.id == 1, dicts of look-ups "
            f"and field=value, not {given!r}.{_instead(caller, given)}"
        )
    lookups = cast("dict[object, Any]", given)
    for name in lookups:
        if not isinstance(name, str):
            raise UnknownName(f"{caller}(): a look-up is a text, not {name!r}.")
    return and_(true(), *(_named(model, str(name), lookups[name]) for name in lookups))
