"""Names: renames break the code that runs meanwhile, and lost ones look like drops."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alembic.operations import ops
from sqlalchemy.types import NullType

from ..remarks import family
from ..rename_operations import RenameColumn
from .rules import rule

if TYPE_CHECKING:
    from .rules import Change


@rule(
    "rename-column",
    "warning",
    "add the new column, write both, fill it in a data step, read the new one, then drop the old; "
    "or, when the program stops for the deploy, allow it with that reason",
)
def rename_column(change: Change) -> str | None:
    """A column that goes by another name from one moment to the next."""
    made = change.operation
    if isinstance(made, RenameColumn):
        table, old, new = made.table, made.old, made.new
    elif isinstance(made, ops.AlterColumnOp) and made.modify_name:
        table, old, new = made.table_name, made.column_name, made.modify_name
    else:
        return None
    if change.is_new(table):
        return None
    return f"processes that still run the old code fail: {table}.{old} is {new} for them at once"


@rule(
    "rename-table",
    "warning",
    "make a view with the old name until no process uses it, or a new table that both write; or "
    "allow it, when the program stops for the deploy",
)
def rename_table(change: Change) -> str | None:
    """A table that goes by another name from one moment to the next."""
    made = change.operation
    if not isinstance(made, ops.RenameTableOp) or change.is_new(made.table_name):
        return None
    return (
        f"processes that still run the old code fail: {made.table_name} is "
        f"{made.new_table_name} for them at once"
    )


@rule(
    "possible-rename",
    "error",
    'make("…", renames={"table.old": "new"}) keeps the values; or allow it, when they may go',
)
def possible_rename(change: Change) -> str | None:
    """A column that goes while another of its type comes."""
    drop = change.operation
    if not isinstance(drop, ops.DropColumnOp) or change.is_new(drop.table_name):
        return None
    held = change.schema.column(drop.table_name, drop.column_name)
    if held is None or isinstance(held.type, NullType):
        return None
    for each in change.view.statements:
        add = each.operation
        if (
            isinstance(add, ops.AddColumnOp)
            and add.table_name == drop.table_name
            and family(add.column.type) == family(held.type)
        ):
            return (
                f"{drop.table_name}.{drop.column_name} goes and {add.column.name}, of the same "
                "type, comes: if that is a rename, the values are lost"
            )
    return None
