"""`op.create_search_index` and `op.drop_search_index`, as migrations use them."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

from alembic.autogenerate import renderers
from alembic.operations import MigrateOperation, Operations

from .._search.index import SearchShape
from .statements import run

if TYPE_CHECKING:
    from collections.abc import Sequence

    from alembic.autogenerate.api import AutogenContext


@Operations.register_operation("create_search_index")
class CreateSearchIndex(MigrateOperation):
    """Build a full-text index, fill it, and keep it in step."""

    def __init__(self, shape: SearchShape) -> None:
        self.shape = shape

    @classmethod
    def create_search_index(
        cls,
        operations: Operations,
        table: str,
        key: str,
        fields: Sequence[str],
        *,
        numbered: bool,
        **more: Any,
    ) -> Any:
        """Build the index of *table* over *fields*; rows are found again by *key*."""
        return operations.invoke(cls(SearchShape(table, key, tuple(fields), numbered, **more)))

    def reverse(self) -> DropSearchIndex:
        """Return the way back."""
        return DropSearchIndex(self.shape.table, self.shape)

    def to_diff_tuple(self) -> tuple[Any, ...]:
        """Return the change in short."""
        return ("add_search_index", self.shape.table, *self.shape.fields)


@Operations.register_operation("drop_search_index")
class DropSearchIndex(MigrateOperation):
    """Remove a full-text index."""

    def __init__(self, table: str, former: SearchShape | None = None) -> None:
        self.table, self.former = table, former

    @classmethod
    def drop_search_index(cls, operations: Operations, table: str) -> Any:
        """Remove the index of *table*."""
        return operations.invoke(cls(table))

    def reverse(self) -> CreateSearchIndex:
        """Return the way back."""
        if self.former is None:
            raise ValueError(f"nothing says what the search index of {self.table} was made of")
        return CreateSearchIndex(self.former)

    def to_diff_tuple(self) -> tuple[Any, ...]:
        """Return the change in short."""
        return ("remove_search_index", self.table)


@Operations.implementation_for(CreateSearchIndex)
def _create(operations: Operations, operation: CreateSearchIndex) -> None:
    _execute(operations, _search(operations).create(operation.shape))


@Operations.implementation_for(DropSearchIndex)
def _drop(operations: Operations, operation: DropSearchIndex) -> None:
    shape = SearchShape(operation.table, "", (), numbered=False)
    _execute(operations, _search(operations).drop(shape))


@renderers.dispatch_for(CreateSearchIndex)
def _write_create(_context: AutogenContext, operation: CreateSearchIndex) -> str:
    shape = operation.shape
    more = "".join(
        f", {field.name}={getattr(shape, field.name)!r}"
        for field in fields(shape)[4:]
        if getattr(shape, field.name) != field.default
    )
    return (
        f"op.create_search_index({shape.table!r}, {shape.key!r}, {list(shape.fields)!r}, "
        f"numbered={shape.numbered}{more})"
    )


@renderers.dispatch_for(DropSearchIndex)
def _write_drop(_context: AutogenContext, operation: DropSearchIndex) -> str:
    return f"op.drop_search_index({operation.table!r})"


def _search(operations: Operations) -> Any:
    return operations.migration_context.opts["mizzen_search"]


def _execute(operations: Operations, statements: list[str]) -> None:
    for statement in statements:
        run(operations, statement)
