"""What only one kind of database does: MySQL's character sets, SQLite's rebuilt tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alembic.operations import ops
from sqlalchemy import String

from ..rename_operations import RenameColumn
from .raw_sql import RawStatement
from .rules import rule

if TYPE_CHECKING:
    from .rules import Change


@rule(
    "mysql-charset",
    "error",
    "add a column with the new character set, fill it in batches, and swap them; or gh-ost / "
    "pt-online-schema-change for whole tables",
    dialects=("mysql",),
)
def mysql_charset(change: Change) -> str | None:
    """Another character set or collation for texts that are there."""
    made = change.operation
    if isinstance(made, RawStatement) and made.has("CONVERT", "TO", "CHARACTER", "SET"):
        return f"all of {made.table} is copied (ALGORITHM=COPY), writers waiting"
    if isinstance(made, ops.AlterColumnOp) and isinstance(made.modify_type, String):
        held = change.schema.column(made.table_name, made.column_name)
        old = made.existing_type or (held.type if held is not None else None)
        if isinstance(old, String) and old.collation != made.modify_type.collation:
            return f"another collation copies {made.table_name} (ALGORITHM=COPY), writers waiting"
    return None


@rule(
    "mysql-copy",
    "error",
    "leave ALGORITHM out, or ask for INSTANT or INPLACE, which fails instead of locking",
    dialects=("mysql",),
)
def mysql_copy(change: Change) -> str | None:
    """A statement that asks for the slow way."""
    made = change.operation
    if not isinstance(made, RawStatement):
        return None
    if made.has("ALGORITHM", "=", "COPY") or made.has("LOCK", "=", "EXCLUSIVE"):
        return f"{made.table} is copied or locked while writers wait"
    return None


@rule(
    "sqlite-breaks-references",
    "error",
    "change the tables that refer to it in the same step, before; or keep the column and its "
    "uniqueness",
    dialects=("sqlite",),
)
def sqlite_breaks_references(change: Change) -> str | None:
    """What other tables refer to and is not there any more."""
    made = change.operation
    if isinstance(made, ops.DropTableOp):
        referring = change.schema.referring_to(made.table_name)
        what = made.table_name
    elif isinstance(made, ops.DropColumnOp):
        referring = change.schema.referring_to(made.table_name, made.column_name)
        what = f"{made.table_name}.{made.column_name}"
    elif isinstance(made, ops.AlterColumnOp) and made.modify_name:
        # `op.rename_column` takes the references along; a rebuilt table does not.
        referring = change.schema.referring_to(made.table_name, made.column_name)
        what = f"{made.table_name}.{made.column_name}"
    else:
        return None
    if not referring:
        return None
    return (
        f"{', '.join(referring)} refers to {what}: SQLite drops it without a word, and then every "
        "write there fails"
    )


@rule(
    "sqlite-rebuild",
    "warning",
    "for a large table: add a new column and fill it in batches; a small one may be rebuilt, which "
    'is said with lint(big_tables={…}) or "# lint: allow sqlite-rebuild because …"',
    dialects=("sqlite",),
)
def sqlite_rebuild(change: Change) -> str | None:
    """A change for which SQLite copies the table in one transaction."""
    made = change.operation
    table = str(getattr(made, "table_name", "") or getattr(made, "source_table", ""))
    if change.is_new(table) or not change.may_be_big(table):
        return None
    rebuilds = (
        ops.AlterColumnOp,
        ops.DropColumnOp,
        ops.DropConstraintOp,
        ops.CreateForeignKeyOp,
        ops.CreateCheckConstraintOp,
        ops.CreateUniqueConstraintOp,
        ops.CreatePrimaryKeyOp,
    )
    if isinstance(made, RenameColumn) or change.recorded.batch == "never":
        return None
    if not isinstance(made, rebuilds) and change.recorded.batch != "always":
        return None
    return f"SQLite copies all of {table} in one transaction: every writer waits until it is done"
