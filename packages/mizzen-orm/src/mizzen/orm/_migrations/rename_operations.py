"""`op.rename_column` and `op.remark`, and how renames are written and turned around."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from alembic.autogenerate import renderers
from alembic.operations import MigrateOperation, Operations, ops

from .statements import quoted, run

if TYPE_CHECKING:
    from alembic.autogenerate.api import AutogenContext


@Operations.register_operation("rename_column")
class RenameColumn(MigrateOperation):
    """Rename a column in place; indexes, references and triggers follow."""

    def __init__(self, table: str, old: str, new: str) -> None:
        self.table, self.old, self.new = table, old, new

    @classmethod
    def rename_column(cls, operations: Operations, table: str, old: str, new: str) -> Any:
        """Rename the column *old* of *table*: SQLite 3.25, PostgreSQL, MySQL 8, MariaDB 10.5."""
        return operations.invoke(cls(table, old, new))

    def reverse(self) -> RenameColumn:
        """Return the way back."""
        return RenameColumn(self.table, self.new, self.old)

    def to_diff_tuple(self) -> tuple[Any, ...]:
        """Return the change in short."""
        return ("rename_column", self.table, self.old, self.new)


class RenameTable(ops.RenameTableOp):
    """Alembic's operation, with a way back."""

    def reverse(self) -> RenameTable:
        """Return the way back."""
        return RenameTable(self.new_table_name, self.table_name, schema=self.schema)

    def to_diff_tuple(self) -> tuple[Any, ...]:
        """Return the change in short."""
        return ("rename_table", self.table_name, self.new_table_name)


class Remark(MigrateOperation):
    """A line of comment in a migration's file."""

    def __init__(self, words: str, *, both_ways: bool = False) -> None:
        self.words, self.both_ways = words, both_ways

    def reverse(self) -> Remark:
        """Return the way back."""
        return Remark(self.words if self.both_ways else "")

    def to_diff_tuple(self) -> tuple[Any, ...]:
        """Return the remark."""
        return ("remark", self.words)


@Operations.implementation_for(RenameColumn)
def _rename_column(operations: Operations, operation: RenameColumn) -> None:
    names = (operation.table, operation.old, operation.new)
    table, old, new = (quoted(operations, name) for name in names)
    run(operations, f"ALTER TABLE {table} RENAME COLUMN {old} TO {new}")


@Operations.implementation_for(RenameTable)
def _rename_table(operations: Operations, operation: RenameTable) -> None:
    operations.rename_table(operation.table_name, operation.new_table_name)


@renderers.dispatch_for(RenameColumn)
def _write_column(_context: AutogenContext, operation: RenameColumn) -> str:
    return f"op.rename_column({operation.table!r}, {operation.old!r}, {operation.new!r})"


@renderers.dispatch_for(RenameTable)
def _write_table(_context: AutogenContext, operation: RenameTable) -> str:
    return f"op.rename_table({operation.table_name!r}, {operation.new_table_name!r})"


@renderers.dispatch_for(Remark)
def _write_remark(_context: AutogenContext, operation: Remark) -> list[str]:
    return [f"# {line}" for line in operation.words.splitlines()]
