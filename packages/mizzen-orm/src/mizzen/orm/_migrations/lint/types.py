"""Types of columns: changes that rewrite a table, and types that are regretted later."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from alembic.operations import ops
from sqlalchemy import CHAR, BigInteger, DateTime, Enum, Integer, Numeric, String, Text

from ..recorder import made_table
from .rules import rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Column

    from .rules import Change

# Up to this length MySQL stores a text's length in one byte; past it rows are written anew.
_MYSQL_SHORT = 255 // 4


@rule(
    "change-type",
    "error",
    "add a new column of the new type, write both, fill it in batches in a data step, read the new "
    "one, and drop the old one with a later release",
    dialects=("mysql", "postgresql"),  # SQLite's own rule is `sqlite-rebuild`
)
def change_type(change: Change) -> str | None:
    """A type that needs every row written anew."""
    alter = change.operation
    if not isinstance(alter, ops.AlterColumnOp) or alter.modify_type is None:
        return None
    if change.is_new(alter.table_name):
        return None
    held = change.schema.column(alter.table_name, alter.column_name)
    old: Any = alter.existing_type or (held.type if held is not None else None)
    if old is not None and _in_place(old, alter.modify_type, change.dialect):
        return None
    where = f"{alter.table_name}.{alter.column_name}"
    if change.dialect == "mysql":
        return f"the new type of {where} needs ALGORITHM=COPY: writers wait until all is copied"
    return (
        f"PostgreSQL rewrites {alter.table_name} and its indexes under ACCESS EXCLUSIVE for the "
        f"new type of {alter.column_name}, readers waiting"
    )


@rule(
    "timestamp-without-zone",
    "hint",
    "sa.DateTime(timezone=True)",
    dialects=("postgresql",),
)
def timestamp_without_zone(change: Change) -> str | None:
    """A time that doesn't say where."""
    for table, column in _new_columns(change):
        kind = column.type
        if isinstance(kind, DateTime) and not kind.timezone:
            return f"{table}.{column.name} has no time zone: each reader takes it for his own"
    return None


@rule("char-n", "hint", "sa.String(n) or sa.Text, and a CHECK if the length matters")
def char_n(change: Change) -> str | None:
    """A text that is filled up with blanks."""
    for table, column in _new_columns(change):
        if isinstance(column.type, CHAR):
            return f"{table}.{column.name} is CHAR({column.type.length}): padded, and never faster"
    return None


@rule(
    "int-primary-key",
    "hint",
    "sa.BigInteger for keys of tables that grow",
    dialects=("mysql", "postgresql"),
)
def int_primary_key(change: Change) -> str | None:
    """A key that ends at two billion rows."""
    for table, column in _new_columns(change):
        if column.primary_key and _is_plain_int(column):
            return f"the key {table}.{column.name} ends at 2,147,483,647"
    if isinstance(change.operation, ops.CreateTableOp):
        made = made_table(change.operation)
        for column in made.primary_key.columns:
            if _is_plain_int(column) and not column.foreign_keys:
                return f"the key {made.name}.{column.name} ends at 2,147,483,647"
    return None


def _is_plain_int(column: Column[Any]) -> bool:
    return isinstance(column.type, Integer) and not isinstance(column.type, BigInteger)


def _new_columns(change: Change) -> Iterator[tuple[str, Column[Any]]]:
    made = change.operation
    if isinstance(made, ops.CreateTableOp):
        for column in made_table(made).columns:
            yield made.table_name, column
    elif isinstance(made, ops.AddColumnOp):
        yield made.table_name, made.column


def _in_place(old: Any, new: Any, dialect: str) -> bool:
    if isinstance(old, CHAR) or isinstance(new, CHAR) or _is_enum(old) or _is_enum(new):
        return repr(old) == repr(new)
    kinds: set[Any] = {type(old), type(new)}
    if isinstance(old, String) and isinstance(new, String):
        return _text_in_place(old, new, dialect)
    if kinds == {Numeric} and dialect == "postgresql":
        return _number_in_place(old, new)
    return len(kinds) == 1 and repr(old) == repr(new)


def _number_in_place(old: Any, new: Any) -> bool:
    more = new.precision is None or (old.precision or 10**6) <= new.precision
    return bool(more and old.scale == new.scale)


def _text_in_place(old: String, new: String, dialect: str) -> bool:
    if old.collation != new.collation:
        return False
    before, after = _length(old), _length(new)
    if dialect == "postgresql":
        return after is None or (before is not None and before <= after)
    if before is None or after is None:
        return before is after
    return before <= after and (after <= _MYSQL_SHORT) == (before <= _MYSQL_SHORT)


def _length(kind: String) -> int | None:
    return None if isinstance(kind, Text) else kind.length


def _is_enum(kind: Any) -> bool:
    return isinstance(kind, Enum)
