"""Comments on tables and columns, for whoever looks at the database without the program.

`__comment__ = "…"` in a model's body is its table's; `Field(description="…")` is its column's.
PostgreSQL and MySQL keep them; SQLite has no place for them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._errors import ConfigurationError

if TYPE_CHECKING:
    from sqlalchemy import Table

    from .._models.model import Model


def apply_comments(model: type[Model], table: Table) -> None:
    """Put the model's comments on its table and columns, where none is set yet."""
    comment: object = model.__dict__.get("__comment__")
    if comment is not None:
        if not isinstance(comment, str):
            raise ConfigurationError(f"{model.__name__}.__comment__ is text, not {comment!r}.")
        table.comment = table.comment or comment
    for name, field in model.__pydantic_fields__.items():
        column = table.columns.get(name)
        if column is not None and column.comment is None and field.description:
            column.comment = field.description
