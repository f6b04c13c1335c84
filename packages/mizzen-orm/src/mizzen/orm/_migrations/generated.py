"""Columns that the database computes: made anew when their SQL changes.

No database changes what such a column is computed by, and none says it as it was written: the
model is compared with the files. What the column held is computed again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from alembic.operations import MigrateOperation, ops
from alembic.runtime.plugins import Plugin
from alembic.util import DispatchPriority, PriorityDispatchResult
from sqlalchemy import UniqueConstraint

from .._models import known

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Column, Table

    from .written_schema import WrittenSchema


def in_order(written: WrittenSchema, changes: list[MigrateOperation]) -> list[MigrateOperation]:
    """Return *changes*, and what makes columns anew that are computed otherwise now.

    A computed column comes after those that it is computed from, and goes before them.
    """
    drops: list[MigrateOperation] = []
    adds: list[MigrateOperation] = []
    for table in known.metadata().tables.values():
        for column in table.columns:
            was = written.column(table.name, column.name)
            if was is not None and _sql(was) != _sql(column):
                _leave_out(changes, table.name, column.name)
                drop, add = _anew(table, was, column, {_name(each) for each in _parts(changes)})
                drops.append(drop)
                adds.append(add)
    for change in changes:
        if isinstance(change, ops.ModifyTableOps):
            change.ops.sort(key=_turn)
    return [*drops, *changes, *adds]


def _turn(part: MigrateOperation) -> int:
    if isinstance(part, ops.AddColumnOp):
        return 0 if part.column.computed is None else 1
    if isinstance(part, ops.DropColumnOp):
        return 4 if part.to_column().computed is None else 3
    return 2


def _anew(
    table: Table, was: Column[Any], column: Column[Any], seen: set[str]
) -> tuple[MigrateOperation, MigrateOperation]:
    name = table.name
    indexes = [
        index
        for index in sorted(table.indexes, key=lambda each: str(each.name))
        if column.name in index.columns and str(index.name) not in seen
    ]
    unique = [
        each
        for each in table.constraints
        if isinstance(each, UniqueConstraint)
        and column.name in each.columns
        and str(each.name) not in seen
    ]
    drops: list[MigrateOperation] = [
        *map(ops.DropIndexOp.from_index, indexes),
        *map(ops.DropConstraintOp.from_constraint, unique),
        ops.DropColumnOp.from_column_and_tablename(None, name, was),
    ]
    adds: list[MigrateOperation] = [
        ops.AddColumnOp.from_column_and_tablename(None, name, column),
        *map(ops.AddConstraintOp.from_constraint, unique),
        *map(ops.CreateIndexOp.from_index, indexes),
    ]
    return ops.ModifyTableOps(name, drops), ops.ModifyTableOps(name, adds)


def _leave_out(changes: list[MigrateOperation], table: str, column: str) -> None:
    for change in [each for each in changes if isinstance(each, ops.ModifyTableOps)]:
        change.ops = [
            part
            for part in change.ops
            if not isinstance(part, ops.AlterColumnOp)
            or (part.table_name, part.column_name) != (table, column)
        ]
        if not change.ops:
            changes.remove(change)


def _parts(changes: list[MigrateOperation]) -> Iterator[MigrateOperation]:
    for change in changes:
        if isinstance(change, ops.ModifyTableOps):
            yield from change.ops


def _name(part: MigrateOperation) -> str:
    return str(getattr(part, "index_name", getattr(part, "constraint_name", "")))


def _sql(column: Column[Any]) -> tuple[str, bool] | None:
    return (
        None
        if column.computed is None
        else (str(column.computed.sqltext), bool(column.computed.persisted))
    )


def _not_compared(*asked: Any) -> PriorityDispatchResult:
    # Alembic would only warn that it can't change them.
    columns: tuple[Column[Any], Column[Any]] = asked[-2:]
    if any(column.computed is not None for column in columns):
        return PriorityDispatchResult.STOP
    return PriorityDispatchResult.CONTINUE


_plugin = Plugin("mizzen.generated")
_plugin.add_autogenerate_comparator(
    _not_compared, "column", "server_default", priority=DispatchPriority.FIRST
)
