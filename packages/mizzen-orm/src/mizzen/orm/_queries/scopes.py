"""Scopes: named beginnings of queries, and the one that every query of a model begins with."""

from __future__ import annotations

from contextvars import ContextVar
from functools import partial
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, Protocol, TypeVar, cast

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import ColumnElement

    from .._models.model import Model
    from .query import Query

    _Method = classmethod[Any, ..., Any]
else:
    _Method = classmethod

M = TypeVar("M", bound="Model")
P = ParamSpec("P")
_asked: ContextVar[tuple[type, ...]] = ContextVar("mizzen_orm_scopes", default=())


class Begins(Protocol[P, M]):
    """What a scope is to its model: `Note.popular` is a function that gives a query."""

    def __get__(self, instance: Any, owner: Any = None) -> Callable[P, Query[M]]:
        """Return the function."""
        ...


class Scope(_Method):
    """A query's name on its model. A classmethod to pydantic, which leaves those alone."""

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        """Return the function that begins a query of *owner*."""
        from .query import Query

        return partial(cast("Any", self.__func__), Query(owner))


class DefaultScope(Scope):
    """The query that every query of its model begins as."""

    def __set_name__(self, owner: type, name: str) -> None:
        """Remember it on the model."""
        type.__setattr__(owner, "__default_scope__", self.__func__)


def scope(
    function: Callable[Concatenate[Query[M], P], Query[M]],
) -> Begins[P, M]:
    """Name a query: a function of a query that returns a narrower one, in the model's body.

    `@scope` above `@staticmethod` above `def popular(query: Query[Note]) -> Query[Note]`.
    Begin with it (`Note.popular()`), or go on with it (`Note.order("id").popular()`; no checker
    knows this one).
    """
    made: Begins[P, M] = cast("Any", Scope(cast("Any", function)))
    return made


def default_scope(function: Callable[[Query[M]], Query[M]]) -> Begins[[], M]:
    """Begin every query of the model with this one; it adds conditions and an order only.

    It holds for `get`, `count`, bulk changes and the rest; `unscoped()` leaves it out. Its
    conditions hold where a relation leads to the model, too: look-ups, joins, include and awaited
    relations. Writes of single objects are not queries, and don't know it.
    """
    made: Begins[[], M] = cast("Any", DefaultScope(cast("Any", function)))
    return made


def conditions(model: type[Any]) -> tuple[ColumnElement[bool], ...]:
    """Return what the default scope of *model* asks for, where a relation leads to it."""
    if model.__default_scope__ is None or model in _asked.get():
        return ()
    from .query import Query

    token = _asked.set((*_asked.get(), model))  # a scope may look across a relation to its model
    try:
        made: Any = Query(model)
    finally:
        _asked.reset(token)
    found: tuple[ColumnElement[bool], ...] = made._conditions
    return found


def joined(way: Any) -> Any:
    """Return the relation *way* with the default scope of its target."""
    added = conditions(way.property.mapper.class_)
    return way.and_(*added) if added else way


def named(query: Any, model: type[Any], name: str) -> Any:
    """Return what goes on with *query* by the scope *name* of *model*; raises AttributeError."""
    for base in model.__mro__:
        found = vars(base).get(name)
        if isinstance(found, Scope):
            return partial(cast("Any", found.__func__), query)
    raise AttributeError(
        f"a query has no {name!r}, and {model.__name__} has no scope of that name."
    )
