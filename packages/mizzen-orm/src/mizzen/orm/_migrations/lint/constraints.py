"""Constraints: checked while the table is locked, unless in two steps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alembic.operations import ops

from ..constraint_operations import ValidateConstraint
from .rules import rule

if TYPE_CHECKING:
    from .rules import Change

_TWO_STEPS = (
    "add it with postgresql_not_valid=True, and op.validate_constraint(name, table) in the next "
    "step, which lets writers go on"
)


@rule(
    "foreign-key-not-valid",
    "error",
    f"PostgreSQL: {_TWO_STEPS}; MySQL: SET SESSION foreign_key_checks=0 around it lets it be done "
    "in place, once a query has shown that no row is without its parent",
    dialects=("mysql", "postgresql"),
)
def foreign_key_not_valid(change: Change) -> str | None:
    """A foreign key that checks all rows at once."""
    add = change.operation
    if isinstance(add, ops.CreateForeignKeyOp):
        table, target = add.source_table, add.referent_table
        if add.kw.get("postgresql_not_valid") and change.dialect == "postgresql":
            return None
    elif isinstance(add, ops.AddColumnOp) and add.column.foreign_keys:
        table = add.table_name
        target = next(iter(add.column.foreign_keys)).target_fullname.split(".")[0]
        if change.dialect == "postgresql" and add.column.nullable and not add.column.server_default:
            return None  # all NULL: nothing to scan
    else:
        return None
    if change.is_new(table):
        return None
    if change.dialect == "mysql":
        return f"adding the foreign key copies {table} (ALGORITHM=COPY), writers waiting"
    return f"adding the foreign key scans {table}, and keeps writers off {table} and {target}"


@rule(
    "check-not-valid",
    "error",
    f"PostgreSQL: {_TWO_STEPS}; MySQL: check in the program, or add it at a quiet time",
    dialects=("mysql", "postgresql"),
)
def check_not_valid(change: Change) -> str | None:
    """A check of all rows at once."""
    add = change.operation
    if not isinstance(add, ops.CreateCheckConstraintOp) or change.is_new(add.table_name):
        return None
    if change.dialect == "mysql":
        return f"MySQL copies {add.table_name} to check its rows, writers waiting"
    if add.kw.get("postgresql_not_valid"):
        return None
    return f"the check scans {add.table_name} under ACCESS EXCLUSIVE, readers waiting"


@rule(
    "unique-constraint",
    "error",
    "create_index(unique=True, postgresql_concurrently=True) in a file with `transactional = "
    "False`, then op.use_index_for_unique(name, table, index) in the next step",
    dialects=("postgresql",),
)
def unique_constraint(change: Change) -> str | None:
    """A unique constraint whose index is built under lock."""
    add = change.operation
    if not isinstance(add, ops.CreateUniqueConstraintOp) and not (
        isinstance(add, ops.AddColumnOp) and add.column.unique
    ):
        return None
    if change.is_new(add.table_name):
        return None
    return f"the index is built under ACCESS EXCLUSIVE: {add.table_name} can't be read meanwhile"


@rule(
    "change-primary-key",
    "error",
    "PostgreSQL: build a unique index concurrently, then ALTER TABLE … ADD PRIMARY KEY USING INDEX;"
    " MySQL and SQLite: a new table, filled in batches, takes the name over",
)
def change_primary_key(change: Change) -> str | None:
    """A primary key on a table that is there."""
    add = change.operation
    if not isinstance(add, ops.CreatePrimaryKeyOp) or change.is_new(add.table_name):
        return None
    if change.dialect == "postgresql":
        return f"the key's index is built under ACCESS EXCLUSIVE: {add.table_name} can't be read"
    return f"the whole of {add.table_name} is written anew in the order of the key"


@rule(
    "validate-in-same-step",
    "warning",
    "op.validate_constraint belongs in a step of its own, after the one that added it",
    dialects=("postgresql",),
)
def validate_in_same_step(change: Change) -> str | None:
    """Validation under the strong lock of the step that added the constraint."""
    validate = change.operation
    if not isinstance(validate, ValidateConstraint) or not change.view.step.transactional:
        return None
    for each in change.before():
        if getattr(each, "constraint_name", None) == validate.constraint:
            return (
                f"{validate.constraint} is validated in the transaction that added it, whose lock "
                f"on {validate.table} stays until the scan is done"
            )
    return None
