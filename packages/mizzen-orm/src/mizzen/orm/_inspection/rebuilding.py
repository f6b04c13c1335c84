"""What SQLite can't alter in place: Alembic copies the table, and nothing else may differ.

Alembic's batch mode is given the table as it was read here, since its own reading loses unnamed
checks and unusual types, and drops triggers. Afterwards the table is read again: when anything but
the wanted change is different, the transaction is rolled back with an error.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import INTEGER
from sqlalchemy.types import UserDefinedType

from .._errors import ConfigurationError, MigrationFailed
from .column_types import text_of
from .reading_sqlite import SQLiteReader
from .sqlite_ddl import mentions, read_create_table

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from .catalog import Column, Table
    from .definitions import Definitions

# What no pragma tells, so that a copy could lose it unnoticed.
_LOST = {"COLLATE": "a collation", "CONFLICT": "ON CONFLICT rules", "MATCH": "MATCH rules"}
_TYPE_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789_ (),+-.")


def rebuild(
    connection: Connection, make: Definitions, operations: Any, before: Table, wanted: Column
) -> None:
    """Give one column another type, nullability or default."""
    kept = _kept(connection, before)
    kind = make.type(wanted) if wanted.type != _column(before, wanted.name).type else None
    with _copying(connection, operations, make, before) as batch:
        batch.alter_column(
            wanted.name,
            **({} if kind is None else {"type_": kind}),
            nullable=wanted.nullable,
            server_default=make.default(wanted.default, wanted.name),
        )
    _put_back(connection, kept)
    if kind is not None:
        wanted = replace(wanted, type=text_of(kind, connection.dialect))
    columns = tuple(wanted if c.name == wanted.name else c for c in before.columns)
    _check(connection, replace(before, columns=columns), wanted.name)


def drop_column(
    connection: Connection, make: Definitions, operations: Any, before: Table, name: str
) -> None:
    """Drop one column, with the indexes, unique constraints and references it is part of."""
    if any(mentions(check.expression.sql, name) for check in before.checks):
        raise ConfigurationError(f"{before.name}.{name} is used by a check; drop the check first.")
    quote = connection.dialect.identifier_preparer.quote_identifier
    where = quote(str(before.schema))
    for index in before.indexes:
        parts = (*index.columns, *index.expressions, str(index.where or ""))
        if name in index.columns or any(mentions(part, name) for part in parts):
            connection.exec_driver_sql(f"DROP INDEX {where}.{quote(str(index.name))}")
    left = SQLiteReader(connection).table(before.name, before.schema)
    uniques = tuple(held for held in left.uniques if name not in held.columns)
    references = tuple(held for held in left.foreign_keys if name not in held.columns)
    if (uniques, references) == (left.uniques, left.foreign_keys):
        # SQLite itself refuses when a trigger or a view needs the column.
        connection.exec_driver_sql(
            f"ALTER TABLE {where}.{quote(before.name)} DROP COLUMN {quote(name)}"
        )
        return
    kept = _kept(connection, left)
    views = [sql for kind, sql in _statements(connection, left.schema) if kind == "view"]
    if any(
        mentions(sql, name) for sql in (*views, *(sql for kind, sql in kept if kind == "trigger"))
    ):
        raise ConfigurationError(f"{before.name}.{name} is used by a trigger or a view.")
    columns = tuple(column for column in left.columns if column.name != name)
    after = replace(left, columns=columns, uniques=uniques, foreign_keys=references)
    with _copying(connection, operations, make, replace(after, columns=left.columns)) as batch:
        batch.drop_column(name)
    _put_back(connection, kept)
    _check(connection, after, name)


class _Declared(UserDefinedType[Any]):
    """A type as the table's own text has it."""

    cache_ok = True

    def __init__(self, declared: str) -> None:
        self.declared = declared

    def get_col_spec(self, **_options: Any) -> str:
        return self.declared


def _copying(connection: Connection, operations: Any, make: Definitions, table: Table) -> Any:
    words = read_create_table(_create_table(connection, table)).words
    lost = [what for word, what in _LOST.items() if word in words]
    lost += ["generated columns"] if any(c.generated for c in table.columns) else []
    for column in table.columns:
        if not _TYPE_CHARACTERS.issuperset(str(column.type)):
            lost.append(f"the type {column.type!r}")
    if table.schema != "main":
        lost.append("its place in an attached database")
    if lost:
        raise ConfigurationError(
            f"{table.name!r} can't be copied without losing {', '.join(lost)}: "
            "write a migration that makes the new table by hand."
        )
    # Views and other tables keep referring to the table by its name while it is gone.
    connection.exec_driver_sql("PRAGMA legacy_alter_table = ON")
    options = {
        "sqlite_autoincrement": "AUTOINCREMENT" in words,
        "sqlite_with_rowid": not {"WITHOUT", "ROWID"} <= words,
        "sqlite_strict": "STRICT" in words,
    }
    # SQLAlchemy writes AUTOINCREMENT only for a key whose type it knows to be a whole number.
    counted = table.primary_key if options["sqlite_autoincrement"] else ()
    pairs = [
        (c, make.column(c, INTEGER() if c.name in counted else _Declared(str(c.type))))
        for c in table.columns
    ]
    constraints: list[Any] = [*table.uniques, *table.checks, *table.foreign_keys]
    made = make.table(table.name, None, pairs, table.primary_key, constraints, **options)
    return operations.batch_alter_table(table.name, copy_from=made, recreate="always")


def _kept(connection: Connection, table: Table) -> list[tuple[str, str]]:
    statements = _statements(connection, table.schema, table.name)
    kept = [(kind, sql) for kind, sql in statements if kind in {"index", "trigger"}]
    return [*kept, *_counter(connection, table)]


def _counter(connection: Connection, table: Table) -> list[tuple[str, str]]:
    # Where AUTOINCREMENT is: a copy would count on from the rows that are left, and give the keys
    # of deleted ones again.
    if "AUTOINCREMENT" not in read_create_table(_create_table(connection, table)).words:
        return []
    name = "'" + table.name.replace("'", "''") + "'"
    rows = connection.exec_driver_sql(f"SELECT seq FROM sqlite_sequence WHERE name = {name}")  # noqa: S608
    return [
        ("counter", statement)
        for (last,) in rows
        for statement in (
            f"DELETE FROM sqlite_sequence WHERE name = {name}",  # noqa: S608
            f"INSERT INTO sqlite_sequence (name, seq) VALUES ({name}, {int(last)})",  # noqa: S608
        )
    ]


def _put_back(connection: Connection, kept: list[tuple[str, str]]) -> None:
    for _, sql in kept:
        connection.exec_driver_sql(sql)
    connection.exec_driver_sql("PRAGMA legacy_alter_table = OFF")


def _check(connection: Connection, wanted: Table, column: str) -> None:
    found = SQLiteReader(connection).table(wanted.name, wanted.schema)
    wanted = replace(wanted, rows_estimate=None)
    if replace(found, rows_estimate=None) != wanted:
        raise MigrationFailed(
            f"changing {wanted.name}.{column} would also change other parts of the table "
            f"({_difference(wanted, found)}), so nothing was changed: write a migration for it."
        )


def _difference(wanted: Table, found: Table) -> str:
    parts = ("columns", "primary_key", "indexes", "foreign_keys", "uniques", "checks")
    return ", ".join(part for part in parts if getattr(wanted, part) != getattr(found, part))


def _create_table(connection: Connection, table: Table) -> str:
    statements = _statements(connection, table.schema, table.name)
    return next((sql for kind, sql in statements if kind == "table"), "")


def _statements(
    connection: Connection, schema: str | None, table: str | None = None
) -> list[tuple[str, str]]:
    quote = connection.dialect.identifier_preparer.quote_identifier
    rows = connection.exec_driver_sql(
        f"SELECT type, sql FROM {quote(schema or 'main')}.sqlite_master "  # noqa: S608
        "WHERE sql IS NOT NULL AND (tbl_name = ? OR ? IS NULL) ORDER BY type",
        (table, table),
    )
    return [(str(kind), str(sql)) for kind, sql in rows]


def _column(table: Table, name: str) -> Column:
    return next(column for column in table.columns if column.name == name)
