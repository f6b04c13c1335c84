"""The schema as the migrations' files say it: kept up operation by operation, without a database.

A light picture: enough to know which tables a folder has made, what a column was before a change,
and whether a rule of the lint is met by something that an earlier step did.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from alembic.operations import ops
from sqlalchemy import CheckConstraint, Column, Enum, ForeignKeyConstraint

from .constraint_operations import ValidateConstraint
from .enum_operations import ChangeEnum
from .recorder import made_table, record
from .rename_operations import RenameColumn

if TYPE_CHECKING:
    from collections.abc import Iterable

    from alembic.operations import MigrateOperation

    from .files import Step


@dataclass
class WrittenTable:
    """A table: its columns, its indexes and the names and texts of its constraints."""

    made_by: str
    columns: dict[str, Column[Any]] = field(default_factory=dict[str, Column[Any]])
    indexes: dict[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    checks: dict[str, str] = field(default_factory=dict[str, str])
    not_valid: set[str] = field(default_factory=set[str])
    refers_to: set[str] = field(default_factory=set[str])


class WrittenSchema:
    """Tables by name."""

    def __init__(self) -> None:
        self.tables: dict[str, WrittenTable] = {}

    @classmethod
    def after(cls, steps: Iterable[Step], dialect: str) -> WrittenSchema:
        """Return the schema that *steps* leave."""
        schema = cls()
        for step in steps:
            for each in record(step, dialect).operations:
                schema.apply(each.operation, step.revision)
        return schema

    def column(self, table: str, name: str) -> Column[Any] | None:
        """Return a column, if the files say of it."""
        found = self.tables.get(table)
        return found.columns.get(name) if found else None

    def referring_to(self, table: str, column: str = "") -> list[str]:
        """Return the tables with a foreign key to *table*, or to that column of it."""
        prefix = f"{table}.{column}"
        return [
            name
            for name, held in self.tables.items()
            if name != table
            and any(key == prefix if column else key.startswith(prefix) for key in held.refers_to)
        ]

    def table_of_index(self, name: str) -> str | None:
        """Return the table that has the index *name*."""
        tables = self.tables.items()
        return next((table for table, held in tables if name in held.indexes), None)

    def enums(self) -> dict[tuple[str, str], list[str]]:
        """Return the values of the enum of each (table, column) that has one."""
        return {
            (table, name): list(column.type.enums)
            for table, held in self.tables.items()
            for name, column in held.columns.items()
            if isinstance(column.type, Enum)
        }

    def apply(self, operation: MigrateOperation, revision: str) -> None:
        """Take one operation in; those it doesn't know change nothing."""
        if isinstance(operation, ops.CreateTableOp):
            self._create(operation, revision)
        elif isinstance(operation, ops.DropTableOp):
            self.tables.pop(operation.table_name, None)
        elif isinstance(operation, ops.RenameTableOp):
            if held := self.tables.pop(operation.table_name, None):
                self.tables[operation.new_table_name] = held
        elif isinstance(operation, ChangeEnum):
            for table, name, _ in operation.columns:
                self._retype(table, name, Enum(*operation.new, name=operation.name or None))
        elif isinstance(operation, ops.DropIndexOp):
            for held in self.tables.values():
                held.indexes.pop(str(operation.index_name), None)
        elif held := self.tables.get(_table_of(operation)):
            self._change(held, operation)

    def _create(self, operation: ops.CreateTableOp, revision: str) -> None:
        held = self.tables[operation.table_name] = WrittenTable(revision)
        table = made_table(operation)
        held.columns = {column.name: column for column in table.columns}
        for constraint in table.constraints:
            if isinstance(constraint, CheckConstraint):
                held.checks[str(constraint.name)] = str(constraint.sqltext)
            if isinstance(constraint, ForeignKeyConstraint):
                held.refers_to |= {key.target_fullname for key in constraint.elements}

    def _change(self, held: WrittenTable, operation: MigrateOperation) -> None:
        if isinstance(operation, ops.AddColumnOp):
            held.columns[operation.column.name] = operation.column
            held.refers_to |= {key.target_fullname for key in operation.column.foreign_keys}
        elif isinstance(operation, ops.DropColumnOp):
            held.columns.pop(operation.column_name, None)
        elif isinstance(operation, RenameColumn):
            _rename(held, operation.old, operation.new)
        elif isinstance(operation, ops.AlterColumnOp):
            self._alter(held, operation)
        elif isinstance(operation, ops.CreateIndexOp):
            names = tuple(str(getattr(part, "name", part)) for part in operation.columns)
            held.indexes[str(operation.index_name)] = names
        elif isinstance(operation, ops.CreateCheckConstraintOp):
            held.checks[str(operation.constraint_name)] = str(operation.condition)
            if operation.kw.get("postgresql_not_valid"):
                held.not_valid.add(str(operation.constraint_name))
        elif isinstance(operation, ops.CreateForeignKeyOp):
            held.refers_to |= {
                f"{operation.referent_table}.{name}" for name in operation.remote_cols
            }
        elif isinstance(operation, ops.DropConstraintOp):
            held.checks.pop(str(operation.constraint_name), None)
        elif isinstance(operation, ValidateConstraint):
            held.not_valid.discard(operation.constraint)

    def _alter(self, held: WrittenTable, operation: ops.AlterColumnOp) -> None:
        name = operation.column_name
        if operation.modify_type is not None:
            self._retype(operation.table_name, name, operation.modify_type)
        if operation.modify_nullable is not None and name in held.columns:
            held.columns[name].nullable = operation.modify_nullable
        if operation.modify_name:
            _rename(held, name, operation.modify_name)

    def _retype(self, table: str, name: str, kind: Any) -> None:
        if (column := self.column(table, name)) is not None:
            column.type = kind


def _rename(held: WrittenTable, old: str, new: str) -> None:
    # In place, so that the order of the columns stays.
    columns = held.columns.items()
    held.columns = {(new if name == old else name): column for name, column in columns}


def _table_of(operation: MigrateOperation) -> str:
    if isinstance(operation, ops.CreateForeignKeyOp):
        return operation.source_table
    return str(getattr(operation, "table_name", getattr(operation, "table", "")))
