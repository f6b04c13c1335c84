"""Columns: added, made NOT NULL, dropped."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from alembic.operations import ops
from sqlalchemy import Identity

from .rules import rule

if TYPE_CHECKING:
    from sqlalchemy import Column

    from .rules import Change

_CONSTANT = re.compile(r"^\(?\s*([-+]?[\d.]+|'(?:[^']|'')*'|true|false|null)\s*\)?(::[\w ()]+)?$")
# Stable within a statement: PostgreSQL computes them once, and stores that beside the table.
_STABLE = re.compile(r"^(now\(\)|current_timestamp(\(\d*\))?|current_date|localtimestamp)$")


@rule(
    "add-required-column",
    "error",
    "add the column as nullable (or with a constant server_default), fill it in a data step, then "
    "make it NOT NULL in a third step",
)
def add_required_column(change: Change) -> str | None:
    """A NOT NULL column without a default."""
    column = _added(change)
    if column is None or column.nullable or column.primary_key or _default(column) is not None:
        return None
    if column.computed is not None or column.identity is not None:
        return None
    where = f"{change.operation.table_name}.{column.name}"
    if change.dialect == "mysql":
        return f"{where} is NOT NULL without a default: MySQL fills existing rows with 0 or ''"
    return f"{where} is NOT NULL without a default: this fails as soon as the table has a row"


@rule(
    "volatile-default",
    "warning",
    "add the column without a default, set the default in a second statement (for new rows only), "
    "and fill the old rows in batches in a data step",
)
def volatile_default(change: Change) -> str | None:
    """A new column whose default is computed for each row."""
    column = _added(change)
    if column is None or (default := _default(column)) is None:
        return None
    plain = default.strip().lower()
    if _CONSTANT.match(plain):
        return None
    where = f"{change.operation.table_name}.{column.name}"
    if change.dialect == "sqlite":
        return f"SQLite can't add {where} with a default that is no constant ({default})"
    if change.dialect == "mysql":
        if plain.startswith("current_timestamp"):
            return None
        return f"the default of {where} ({default}) makes MySQL copy the table, writers waiting"
    if _STABLE.match(plain):
        return None
    return (
        f"the default of {where} ({default}) is computed for every row: PostgreSQL rewrites the "
        "table under ACCESS EXCLUSIVE, readers waiting"
    )


@rule(
    "add-key-column",
    "error",
    "make a new table with the key and move the rows in a data step, or add a plain nullable "
    "column, fill it in batches, index it uniquely, then make it the key",
)
def add_key_column(change: Change) -> str | None:
    """A new column that numbers the rows, or is the primary key."""
    column = _added(change)
    if column is None:
        return None
    kind = type(column.type).__name__.upper()
    numbers = column.autoincrement is True or isinstance(column.identity, Identity)
    if not (column.primary_key or numbers or "SERIAL" in kind):
        return None
    where = f"{change.operation.table_name}.{column.name}"
    if change.dialect == "sqlite":
        return f"SQLite can't add {where} as a key to a table that is there"
    what = "rewrites" if change.dialect == "postgresql" else "copies"
    return f"numbering the rows in {where} {what} the table, readers and writers waiting"


@rule(
    "set-not-null",
    "error",
    "PostgreSQL: create_check_constraint(name, table, 'col IS NOT NULL', "
    "postgresql_not_valid=True), in the next step op.validate_constraint, then alter_column("
    "nullable=False), which needs no scan any more; MySQL: fill the NULLs in a data step first",
    dialects=("mysql", "postgresql"),
)
def set_not_null(change: Change) -> str | None:
    """NOT NULL on a column that is there."""
    alter = change.operation
    if not isinstance(alter, ops.AlterColumnOp) or alter.modify_nullable is not False:
        return None
    table, name = alter.table_name, alter.column_name
    if change.is_new(table):
        return None
    if change.dialect == "mysql":
        return f"MySQL rebuilds {table} for {name} NOT NULL, and fails at the first NULL"
    held = change.schema.tables.get(table)
    for check, text in held.checks.items() if held else ():
        plain = " ".join(text.replace('"', "").lower().split()).strip("()")
        if plain == f"{name.lower()} is not null" and held and check not in held.not_valid:
            return None
    return (
        f"SET NOT NULL scans all of {table} under ACCESS EXCLUSIVE for {name}, readers waiting, "
        "and fails at the first NULL"
    )


@rule(
    "drop-used",
    "error",
    "remove it from the models, deploy that, and drop it with the next release",
)
def drop_used(change: Change) -> str | None:
    """A column or table that a model still has."""
    drop = change.operation
    models = change.view.models.tables
    if isinstance(drop, ops.DropTableOp) and drop.table_name in models:
        made_again = any(
            isinstance(each.operation, ops.CreateTableOp)
            and each.operation.table_name == drop.table_name
            for each in change.view.statements
        )
        return None if made_again else f"the models still use the table {drop.table_name}"
    if (
        isinstance(drop, ops.DropColumnOp)
        and drop.table_name in models
        and drop.column_name in models[drop.table_name].columns
    ):
        return f"the models still use {drop.table_name}.{drop.column_name}"
    return None


@rule(
    "drop-column",
    "warning",
    "deploy code that doesn't read it first, then drop it; keep a copy if the values matter, and "
    'say so: # lint: allow drop-column because "nothing reads it since the last release"',
)
def drop_column(change: Change) -> str | None:
    """A column that running code may still read."""
    drop = change.operation
    if not isinstance(drop, ops.DropColumnOp) or change.is_new(drop.table_name):
        return None
    where = f"{drop.table_name}.{drop.column_name}"
    return f"{where} and its values are lost, and processes that still run the old code fail"


@rule(
    "drop-table",
    "warning",
    "deploy code that doesn't use it first, keep a copy if the rows matter, then drop it",
)
def drop_table(change: Change) -> str | None:
    """A table that running code may still use."""
    drop = change.operation
    if not isinstance(drop, ops.DropTableOp) or change.is_new(drop.table_name):
        return None
    return f"{drop.table_name} and its rows are lost, and processes with the old code fail"


def _added(change: Change) -> Column[Any] | None:
    add = change.operation
    if not isinstance(add, ops.AddColumnOp) or change.is_new(add.table_name):
        return None
    return add.column


def _default(column: Column[Any]) -> str | None:
    argument: Any = getattr(column.server_default, "arg", None)
    if argument is None:
        return None
    if isinstance(argument, str):
        return "'" + argument.replace("'", "''") + "'"
    return str(argument)
