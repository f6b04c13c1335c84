"""Primary keys as callers give them: one value, or a tuple where the key has several columns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from pydantic import BaseModel

from .._errors import UnknownName
from .._fields.comparable import comparable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .._models.model import Model


def key_parts(model: type[Model], columns: Sequence[Any], key: object) -> tuple[Any, ...]:
    """Return the value of each key column; raises `UnknownName` for too many or too few."""
    several = isinstance(key, tuple | list)
    parts: tuple[Any, ...] = tuple(cast("tuple[Any, ...]", key)) if several else (key,)
    plain = not any(isinstance(part, BaseModel | Mapping | set) for part in parts)
    if plain and several == (len(columns) > 1) and len(parts) == len(columns):
        return tuple(
            comparable(model, str(column.key), part)
            for column, part in zip(columns, parts, strict=True)
        )
    names = ", ".join(str(column.key) for column in columns)
    if len(columns) == 1:
        wanted = f"{names}: give one value"
    else:
        wanted = f"({names}): give a tuple of {len(columns)} values"
    raise UnknownName(
        f"the primary key of {model.__name__} is {wanted}, not {key!r}.", model=model.__name__
    )
