"""Look-ups of relations themselves: `author=ann`, `author__in=[ann, bea]`, `tags__isnull=True`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import false, func, not_, or_, tuple_

from .._errors import Invalid, UnknownName
from .._models.hydration import mapper_of, state_of

if TYPE_CHECKING:
    from .._models.model import Model

_OPERATORS = {"", "eq", "ne", "in", "not_in", "isnull"}


def is_about(model: type[Model], name: str) -> bool:
    """Return whether the look-up *name* asks for rows, and not for fields of theirs."""
    first, _, rest = name.partition("__")
    if first in model.__polymorphic__:
        return True
    return rest in _OPERATORS and first in mapper_of(model).relationships


def condition(model: type[Model], name: str, value: Any) -> Any:
    """Return the expression that `name=value` stands for, when `is_about` is true."""
    first, _, operator = name.partition("__")
    if (polymorphic := model.__polymorphic__.get(first)) is not None:
        return polymorphic.condition(model, operator, value)
    way: Any = getattr(model, first)
    if operator == "isnull":
        return _none(way) if value else ~_none(way)
    if operator == "ne":
        return not_(func.coalesce(_same(model, first, way, value), false()))
    if operator == "in":
        return _among(model, first, way, name, value)
    if operator == "not_in":
        return not_(func.coalesce(_among(model, first, way, name, value), false()))
    return _same(model, first, way, value)


def _among(model: type[Model], first: str, way: Any, name: str, value: Any) -> Any:
    from .._queries.chain import Chain

    target = way.property.mapper.class_
    if isinstance(cast("object", value), Chain) and issubclass(value._model, target):
        keys: Any = mapper_of(target).primary_key
        wanted: Any = tuple_(*keys) if len(keys) > 1 else keys[0]
        found = wanted.in_(value)
        return way.any(found) if way.property.uselist else way.has(found)
    if isinstance(value, str | bytes) or not hasattr(value, "__iter__"):
        raise UnknownName(
            f"{model.__name__}: {name}= takes a list or a query of {target.__name__} objects."
        )
    return or_(false(), *(_same(model, first, way, one) for one in value))


def _same(model: type[Model], name: str, way: Any, value: Any) -> Any:
    if value is None:
        return _none(way)
    target = way.property.mapper.class_
    if not isinstance(value, target):
        message = f"takes a {target.__name__} or None, not {type(value).__name__}"
    elif state_of(value).key is None:
        message = f"takes a saved {target.__name__}"
    elif way.property.uselist:
        return way.any(_is(target, value))
    elif way.property.secondary is not None:
        return way.has(_is(target, value))
    else:
        return way == value
    raise Invalid(
        f"{model.__name__}: the look-up {name} {message}.",
        model=model.__name__,
        errors=[{"field": name, "message": message, "type": "model_type"}],
    )


def _is(target: type[Any], value: Any) -> Any:
    mapper = mapper_of(target)
    keys = [mapper.get_property_by_column(key).key for key in mapper.primary_key]
    first, *rest = (getattr(target, key) == getattr(value, key) for key in keys)
    for one in rest:
        first &= one
    return first


def _none(way: Any) -> Any:
    return ~way.any() if way.property.uselist else ~way.has()
