"""`op.create_search_index` and `op.drop_search_index`, as migrations use them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from alembic.autogenerate import renderers
from alembic.operations import MigrateOperation, Operations

from ._search import SearchShape

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
        cls, operations: Operations, table: str, key: str, fields: Sequence[str], *, numbered: bool
    ) -> Any:
        """Build the index of *table* over *fields*; rows are found again by *key*."""
        return operations.invoke(cls(SearchShape(table, key, tuple(fields), numbered)))

    def to_diff_tuple(self) -> tuple[Any, ...]:
        """Return the change in short."""
        return ("add_search_index", self.shape.table, *self.shape.fields)


@Operations.register_operation("drop_search_index")
class DropSearchIndex(MigrateOperation):
    """Remove a full-text index."""

    def __init__(self, table: str) -> None:
        self.table = table

    @classmethod
    def drop_search_index(cls, operations: Operations, table: str) -> Any:
        """Remove the index of *table*."""
        return operations.invoke(cls(table))

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
    return (
        f"op.create_search_index({shape.table!r}, {shape.key!r}, {list(shape.fields)!r}, "
        f"numbered={shape.numbered})"
    )


@renderers.dispatch_for(DropSearchIndex)
def _write_drop(_context: AutogenContext, operation: DropSearchIndex) -> str:
    return f"op.drop_search_index({operation.table!r})"


def _search(operations: Operations) -> Any:
    return operations.migration_context.opts["mizzen_search"]


def _execute(operations: Operations, statements: list[str]) -> None:
    for statement in statements:
        operations.get_bind().exec_driver_sql(statement)
