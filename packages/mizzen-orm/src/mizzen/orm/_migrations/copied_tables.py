"""What Alembic forgets when it makes a table of SQLite anew, or compares it.

Computed values can't be copied, and indexes of expressions (`lower(name)`) are not reflected: they
are noted before the copy, and made again after the step.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from alembic.operations import MigrateOperation, ops
from alembic.util import sqla_compat

if TYPE_CHECKING:
    from alembic.runtime.migration import MigrationContext
    from sqlalchemy import Connection, Table

_INDEXES = "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
_LOST = "mizzen_lost_indexes"


def mind(context: MigrationContext) -> None:
    """Let *context* mind them; what is noted is for `restore`."""
    if context.dialect.name != "sqlite" or context.connection is None:
        return
    connection = context.connection
    lost: dict[str, str] = context.opts.setdefault(_LOST, {})

    def copied(batch: Any, table: Table) -> None:
        for column in table.columns:
            if column.computed is not None:
                batch.column_transfers.get(column.name, {}).pop("expr", None)
        lost.update(_of_expressions(connection, table.name))

    def compared(wanted: Any, reflected: Any) -> None:
        # Those that are there can't be compared; the others are to be made.
        there = {name for name, _ in connection.exec_driver_sql(_INDEXES)}
        for index in list(wanted):
            if sqla_compat.is_expression_index(index) and index.name in there:
                wanted.discard(index)
                # `name DESC` is reflected as if it were the column.
                for other in [each for each in reflected if each.name == index.name]:
                    reflected.discard(other)

    vars(context.impl).update(prep_table_for_batch=copied, _skip_functional_indexes=compared)


def with_indexes_apart(changes: list[MigrateOperation]) -> list[MigrateOperation]:
    """Return *changes* with indexes of expressions after them: a copy could not make those."""
    found: list[MigrateOperation] = []
    for change in [each for each in changes if isinstance(each, ops.ModifyTableOps)]:
        apart: list[MigrateOperation] = [
            part
            for part in change.ops
            if isinstance(part, ops.CreateIndexOp)
            and sqla_compat.is_expression_index(part.to_index())
        ]
        if apart and len(apart) < len(change.ops):
            change.ops = [part for part in change.ops if part not in apart]
            found.append(ops.ModifyTableOps(change.table_name, apart))
    return [*changes, *found]


def restore(context: MigrationContext) -> None:
    """Make the indexes again that went with a table's former copy."""
    lost: dict[str, str] = context.opts.get(_LOST, {})
    if context.connection is None or not lost:
        return
    there = {name for name, _ in context.connection.exec_driver_sql(_INDEXES)}
    for name in lost.keys() - there:
        context.connection.exec_driver_sql(lost[name])


def _of_expressions(connection: Connection, table: str) -> dict[str, str]:
    found = connection.exec_driver_sql(
        "SELECT i.name, i.sql FROM sqlite_master i WHERE i.type = 'index' AND i.tbl_name = ? "
        "AND EXISTS (SELECT 1 FROM pragma_index_info(i.name) c WHERE c.cid = -2)",
        (table,),
    )
    return {name: sql for name, sql in found}
