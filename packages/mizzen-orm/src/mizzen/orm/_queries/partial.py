"""Rows with some fields only; reading another one says so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn, Self, TypeVar, cast

from sqlalchemy import inspect

from .._errors import NotLoaded, UnknownName
from .chain import Chain
from .lookups import column

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .._models.model import Model

M = TypeVar("M", bound="Model")


class Partial(Chain[M]):
    """What a query says about the fields to load."""

    def only(self, *fields: str) -> Self:
        """Load these fields and the primary key; reading another one raises `NotLoaded`.

        Saving writes what was changed, as always. `await row.reload()` loads the rest.
        """
        if not fields:
            raise UnknownName("only() takes the names of one or more fields.")
        keys = (key.key for key in self._primary())
        named = (column(self._model, name).key for name in fields)
        return self._with(_fields=tuple(dict.fromkeys((*keys, *named))))

    def defer(self, *fields: str) -> Self:
        """Load every field but these; see `only`. The primary key is always loaded."""
        left = {column(self._model, name).key for name in fields}
        held = self._fields or tuple(found.key for found in inspect(self._model).column_attrs)
        return self.only(*(name for name in held if name not in left), *self._key_names())

    def _key_names(self) -> list[str]:
        return [str(key.key) for key in self._primary()]


class _Absent:
    """Called by SQLAlchemy when a field that was not loaded is read."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, state: Any, passive: Any) -> NoReturn:
        model = state.class_.__name__
        raise NotLoaded(
            f"{model}.{self.name} was not loaded: name it in `only()`, or `await row.reload()`.",
            model=model,
            name=self.name,
        )


def guard(rows: Iterable[Any], fields: Iterable[str]) -> None:
    """Let every field of *rows* that was not loaded say so when it is read."""
    held = set(fields)
    for row in rows:
        state = cast("Any", inspect)(row)
        for attribute in state.mapper.column_attrs:
            if attribute.key not in held and attribute.key not in state.dict:
                state.expired_attributes.discard(attribute.key)
                state.callables[attribute.key] = _Absent(attribute.key)
