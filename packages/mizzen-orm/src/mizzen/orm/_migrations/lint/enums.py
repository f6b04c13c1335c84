"""Values of enums: added, removed, and used before they may be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alembic.operations import ops

from ..enum_operations import ChangeEnum
from .raw_sql import RawStatement
from .rules import rule

if TYPE_CHECKING:
    from .rules import Change


@rule(
    "enum-value-in-transaction",
    "error",
    "add the value in one step, and use it in the next",
    dialects=("postgresql",),
)
def enum_value_in_transaction(change: Change) -> str | None:
    """A value that is used in the transaction that adds it."""
    add = change.operation
    step = change.view.step
    if not isinstance(add, ChangeEnum) or not add.added or not step.transactional:
        return None
    if step.has("upgrade_data"):
        return f"PostgreSQL refuses {add.added[0]!r} until this step, data and all, is committed"
    for each in change.view.statements:
        other = each.operation
        text = other.text if isinstance(other, RawStatement) and other.changes_rows else ""
        if isinstance(other, ops.AddColumnOp):
            text = f"'{getattr(other.column.server_default, 'arg', '')}'"
        if isinstance(other, ops.AlterColumnOp):
            text = f"'{getattr(other.modify_server_default, 'arg', other.modify_server_default)}'"
        if other is not add and any(f"'{value}'" in text for value in add.added):
            return f"PostgreSQL refuses {add.added[0]!r} until the step that adds it is committed"
    return None


@rule(
    "enum-value-removed",
    "warning",
    "give the rows another value in a data step, deploy code that doesn't write the old one, then "
    'remove it; for a rename: make("…", renames={"table.column.old": "new"})',
)
def enum_value_removed(change: Change) -> str | None:
    """A value that rows may have, or that code still writes."""
    made = change.operation
    if not isinstance(made, ChangeEnum) or not made.removed:
        return None
    lost = ", ".join(made.removed)
    if change.dialect == "postgresql":
        return f"{lost} goes: PostgreSQL makes a new type and rewrites every table that has it"
    if change.dialect == "mysql":
        return f"{lost} goes: MySQL copies every table that has the enum, writers waiting"
    return f"{lost} goes: rows that have it stop the step, and code that writes it is not refused"


@rule(
    "enum-rebuild",
    "error",
    "put new values at the end of the enum",
    dialects=("mysql",),
)
def enum_rebuild(change: Change) -> str | None:
    """A value in the middle, where MySQL numbers all rows anew."""
    made = change.operation
    if not isinstance(made, ChangeEnum) or made.removed or made.renamed:
        return None
    if made.new[: len(made.old)] == made.old:
        return None
    return f"{', '.join(made.added)} is not at the end: MySQL copies the table, writers waiting"
