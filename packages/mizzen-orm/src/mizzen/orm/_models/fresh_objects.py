"""New objects for many rows, without what SQLAlchemy keeps about each: 9 µs a row, not 43.

Such an object is *unfinished*: it has neither an instance state nor the mark of one that was read.
Whoever made it inserts it and marks it, or completes it before anybody else sees it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, cast

from pydantic import ValidationError
from sqlalchemy.orm.attributes import manager_of_class

from .._errors import Invalid
from . import known
from .hydration import has_state, mapper_of
from .validation import explained, validate

if TYPE_CHECKING:
    from .model import Model

_ROWS_A_BREATH = 500  # other tasks get their turn: 10,000 rows take a tenth of a second and more


async def made_from(model: type[Any], rows: Iterable[Any]) -> list[Any]:
    """Return objects for *rows*, mappings or models; raises `Invalid` for the first bad one."""
    given = cast("object", rows)
    if not isinstance(given, Iterable) or isinstance(given, str | bytes | Mapping):
        raise _no_row(model, rows, "rows come as a list of dicts or of objects")
    maker, made = Maker(model), list[Any]()
    seen: set[int] = set()
    for number, row in enumerate(rows, 1):
        made.append(maker.made(row))
        if made[-1] is row:
            if id(row) in seen:
                name = model.__name__
                raise Invalid(f"{name}: give an object once, or copy() it.", model=name, errors=[])
            seen.add(id(row))
        if number % _ROWS_A_BREATH == 0:
            await asyncio.sleep(0)
    return made


class Maker:
    """Makes objects of one model, unfinished ones where that is possible."""

    def __init__(self, model: type[Any]) -> None:
        known.require(model)
        self._model = model
        self._quick = is_quick(model)

    def made(self, row: Any) -> Any:
        """Return the object for a mapping, or the model itself; raises `Invalid`."""
        if isinstance(row, self._model):
            return row
        try:
            data = dict(row)
        except (TypeError, ValueError) as error:
            raise _no_row(self._model, row, "a row is a dict or an object") from error
        return unfinished(self._model, data) if self._quick else made_slowly(self._model, data)


def made_slowly(model: type[Any], row: Any) -> Any:
    """Return an object as the constructor makes it."""
    return model(validate(model, dict(row)))


def unfinished(model: type[Any], data: dict[str, Any]) -> Any:
    """Return an unfinished object; raises `Invalid`."""
    if not model.__sqlmodel_relationships__.keys().isdisjoint(data):
        return made_slowly(model, data)
    made = object.__new__(model)
    fill = object.__setattr__
    fill(made, "__pydantic_extra__", None)
    fill(made, "__pydantic_private__", None)
    fill(made, "__dict__", {})
    try:
        model.__pydantic_validator__.validate_python(data, self_instance=made)
    except ValidationError as error:
        raise explained(model, error) from error
    return made


def _no_row(model: type[Any], given: object, wanted: str) -> Invalid:
    kind = type(given).__name__
    return Invalid(f"{model.__name__}: {wanted}, not {kind}.", model=model.__name__, errors=[])


def complete(model: type[Model], made: Iterable[Any]) -> None:
    """Give unfinished objects what SQLAlchemy keeps about each."""
    manager: Any = manager_of_class(model)
    for instance in made:
        if not has_state(instance):
            object.__setattr__(instance, "_read", False)
            manager.setup_instance(instance)


def is_quick(model: type[Any]) -> bool:
    """Return whether only validation happens when an object of *model* is made."""
    found = model.__dict__.get("__quick__")
    if found is None:
        found = _has_own_init(model) is False
        type.__setattr__(model, "__quick__", found)
    listeners: Any = mapper_of(model).class_manager.dispatch.init
    return bool(found) and all(_is_ours(listener) for listener in listeners)


def _has_own_init(model: type[Any]) -> bool:
    from .model import Model

    made: Any = Model
    original = cast("Any", manager_of_class(model)).original_init
    return original is not made.__init__ or model.__new__ is not made.__new__


def _is_ours(listener: Any) -> bool:
    return str(getattr(listener, "__module__", "")).startswith("sqlalchemy.")
