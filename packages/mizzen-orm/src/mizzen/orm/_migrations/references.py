"""Foreign keys in an order that servers take: around a circle of tables, and around an index.

SQLite looks at none of them before rows come, and makes a table anew to change one: there the
order stays as it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from alembic.operations import MigrateOperation, ops
from sqlalchemy import ForeignKeyConstraint

from .._models import known

if TYPE_CHECKING:
    from collections.abc import Iterable


def in_order(changes: list[MigrateOperation], dialect: str) -> list[MigrateOperation]:
    """Return *changes* with what foreign keys need, for the dialect."""
    if dialect == "sqlite":
        return changes
    ordered = _around_circles(changes)
    if dialect in {"mysql", "mariadb"}:
        dropped = {each.table_name: each for each in ordered if isinstance(each, ops.DropTableOp)}
        for change in ordered:
            if isinstance(change, ops.ModifyTableOps):
                change.ops = _around_indexes(change, dropped.get(change.table_name))
    return ordered


def _around_circles(changes: list[MigrateOperation]) -> list[MigrateOperation]:
    # A key to a table that comes later comes after it; one to a table that goes first, before it.
    made = [each.table_name for each in changes if isinstance(each, ops.CreateTableOp)]
    gone = [each.table_name for each in changes if isinstance(each, ops.DropTableOp)]
    first: list[MigrateOperation] = []
    last: list[MigrateOperation] = []
    for change in changes:
        if isinstance(change, ops.CreateTableOp):
            later = set(made[made.index(change.table_name) + 1 :])
            last += map(ops.CreateForeignKeyOp.from_constraint, _taken_out(change, later))
        elif isinstance(change, ops.DropTableOp) and (was := vars(change).get("_reverse")):
            before = set(gone[: gone.index(change.table_name)])
            first += map(ops.DropConstraintOp.from_constraint, _taken_out(was, before))
    return [*first, *changes, *last]


def _taken_out(table: ops.CreateTableOp, others: set[str]) -> list[ForeignKeyConstraint]:
    parts: list[Any] = list(table.columns)
    found = [
        each
        for each in parts
        if isinstance(each, ForeignKeyConstraint) and _referred(each) in others
    ]
    table.columns = [each for each in parts if not any(each is key for key in found)]
    return found


def _referred(key: ForeignKeyConstraint) -> str:
    return key.elements[0].target_fullname.rpartition(".")[0]


def _around_indexes(
    change: ops.ModifyTableOps, dropped: ops.DropTableOp | None
) -> list[MigrateOperation]:
    # MariaDB keeps the last index that begins with a key's columns until the key is gone.
    parts = list(change.ops)
    if not any(isinstance(part, ops.DropIndexOp) for part in parts):
        return parts
    drops = [
        part
        for part in parts
        if isinstance(part, ops.DropConstraintOp) and part.constraint_type == "foreignkey"
    ]
    adds = [part for part in parts if isinstance(part, ops.CreateForeignKeyOp)]
    seen = {str(part.constraint_name) for part in drops}
    seen |= {str(part.constraint_name) for part in adds}
    table = (
        known.metadata().tables.get(change.table_name) if dropped is None else dropped.to_table()
    )
    held = [
        key
        for key in (table.foreign_key_constraints if table is not None else ())
        if str(key.name) not in seen and _needs(key, parts)
    ]
    return [
        *map(ops.DropConstraintOp.from_constraint, held),
        *drops,
        *(part for part in parts if part not in drops and part not in adds),
        *adds,
        *(ops.CreateForeignKeyOp.from_constraint(key) for key in held if dropped is None),
    ]


def _needs(key: ForeignKeyConstraint, parts: Iterable[MigrateOperation]) -> bool:
    columns = [column.name for column in key.columns]
    return any(
        [str(getattr(each, "name", each)) for each in part.to_index().columns][: len(columns)]
        == columns
        for part in parts
        if isinstance(part, ops.DropIndexOp)
    )
