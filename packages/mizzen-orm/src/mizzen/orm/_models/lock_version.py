"""Optimistic locking: a field `lock_version` counts the row's updates.

A save writes the row only if it still has the version that was read, and raises `Stale` otherwise.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import Integer

from .._errors import ConfigurationError
from .hydration import mapper_of

if TYPE_CHECKING:
    from .model import Model

FIELD = "lock_version"


def apply(model: type[Model]) -> None:
    """Let SQLAlchemy check and count `lock_version` of *model*, whose columns are made by now."""
    column: Any = vars(model).get(FIELD)
    if FIELD not in model.__pydantic_fields__ or column is None:
        return
    if not isinstance(column.type, Integer) or column.nullable:
        raise ConfigurationError(
            f"{model.__name__}.{FIELD} counts updates: declare it as `{FIELD}: int = 1`."
        )
    said = getattr(model, "__mapper_args__", {})
    type.__setattr__(model, "__mapper_args__", {"version_id_col": column, **said})


def next_of(model: type[Model]) -> dict[str, Any]:
    """Return what a bulk update adds to its changes, so that what was read before is stale."""
    column = mapper_of(model).version_id_col
    return {} if column is None else {column.key: column + 1}
