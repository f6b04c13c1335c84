"""Changing a schema: each call is one transaction, written by SQLAlchemy and Alembic."""

from __future__ import annotations

from dataclasses import replace
from types import EllipsisType
from typing import TYPE_CHECKING, Any

from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy.types import NullType

from .._errors import ConfigurationError, ConstraintFailed, NotFound
from .definitions import Definitions
from .reading import Reader, reader_for, unsupported
from .rebuilding import drop_column as drop_by_rebuilding
from .rebuilding import rebuild
from .searched import Searched

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

    from ..abc import SearchBackend
    from .catalog import Check, Column, ForeignKey, Index, Table, Unique

__all__ = ["Changes"]


class Changes:
    """What can be changed through one connection, whose transaction the caller ends."""

    def __init__(self, connection: Connection, search: SearchBackend | None = None) -> None:
        self.connection = connection
        self.reader: Reader = reader_for(connection)
        self._searched = Searched(connection, search)
        self._make = Definitions(connection.dialect, self.reader.enum_types())
        self._operations: Any = Operations(MigrationContext.configure(connection))

    def create_table(
        self,
        name: str,
        schema: str | None,
        columns: Sequence[Column],
        *,
        primary_key: Sequence[str] = (),
        constraints: Sequence[ForeignKey | Unique | Check] = (),
        indexes: Sequence[Index] = (),
        comment: str | None = None,
    ) -> Table:
        """Create a table with its indexes."""
        if not columns:
            raise ConfigurationError(f"the table {name!r} would have no columns.")
        self._comments(comment, *(column.comment for column in columns))
        names = [column.name for column in columns]
        if twice := {column for column in names if names.count(column) > 1}:
            raise ConfigurationError(f"the table {name!r} would have two columns {twice}.")
        key = tuple(primary_key) or tuple(c.name for c in columns if c.primary_key)
        columns = [replace(column, primary_key=column.name in key) for column in columns]
        made = self._make.table(
            name,
            self._schema(schema),
            [(column, self._make.column(column)) for column in columns],
            key,
            constraints,
            comment=comment,
        )
        made.create(self.connection, checkfirst=False)
        for index in indexes:
            self._make.index(made, self._named(index, name)).create(self.connection)
        return self._read(name, schema)

    def drop_table(self, name: str, schema: str | None, *, cascade: bool) -> None:
        """Drop a table; *cascade* also drops what refers to it, where the database can."""
        table = self._table(name, schema)
        referring = [
            f"{other.name}.{', '.join(key.columns)}"
            for other in self.reader.tables(schema)
            for key in other.foreign_keys
            if key.references == name and other.name != name
        ]
        postgresql = self.connection.dialect.name == "postgresql"
        if referring and not (cascade and postgresql):
            remedy = "drop those first" + (", or say cascade=True." if postgresql else ".")
            raise ConstraintFailed(f"{name!r} is referred to by {', '.join(referring)}: {remedy}")
        self._searched.dropped(name, self._schema(schema))
        self.run(f"DROP TABLE {self.quoted(table)}{' CASCADE' if cascade and postgresql else ''}")

    def rename_table(self, name: str, new: str, schema: str | None) -> Table:
        """Rename a table; references to it follow."""
        self._table(name, schema)
        with self._searched.renamed(name, new, self._schema(schema)):
            self._operations.rename_table(
                self._make.name(name), self._make.name(new), schema=self._schema(schema)
            )
        return self._read(new, schema)

    def add_column(self, table: str, column: Column, schema: str | None) -> Column:
        """Add a column to a table."""
        before = self._table(table, schema)
        self._comments(column.comment)
        if column.primary_key:
            raise ConfigurationError(f"{column.name!r}: a key can't be added to a table in use.")
        made = self._make.column(column)
        if self._is_sqlite and not column.nullable and column.default is None:
            raise ConfigurationError(
                f"{table}.{column.name}: a new column that may not be null needs a default."
            )
        self._operations.add_column(self._make.name(before.name), made, schema=self._schema(schema))
        return self._column(table, column.name, schema)

    def alter_column(
        self,
        table: str,
        name: str,
        schema: str | None,
        *,
        type: Any = ...,
        nullable: bool | None = None,
        default: Any = ...,
        rename: str | None = None,
        comment: str | EllipsisType | None = ...,
        using: str | None = None,
    ) -> Column:
        """Change a column; what is not named stays as it is."""
        before = self._table(table, schema)
        column = self._column(table, name, schema)
        if not isinstance(comment, EllipsisType):
            self._comments(comment)
        wanted = replace(column, type=column.type if type is ... else type)
        wanted = replace(wanted, nullable=column.nullable if nullable is None else nullable)
        wanted = replace(wanted, default=column.default if default is ... else default)
        changed = type is not ... or nullable is not None or default is not ...
        if column.primary_key and nullable:
            raise ConfigurationError(f"{table}.{name}: a part of the primary key is never null.")
        if changed and self._is_sqlite:
            rebuild(self.connection, self._make, self._operations, before, wanted)
        elif changed or comment is not ...:
            found = self._make.type(wanted)
            options: dict[str, Any] = {}
            if using is not None:
                options["postgresql_using"] = using
            self._operations.alter_column(
                self._make.name(before.name),
                self._make.name(name),
                schema=self._schema(schema),
                type_=found if type is not ... else None,
                nullable=nullable,
                server_default=False
                if default is ...
                else self._make.default(wanted.default, name),
                comment=False if comment is ... else comment,
                existing_type=self._existing(column),
                existing_nullable=column.nullable,
                existing_server_default=self._make.default(column.default, name),
                existing_comment=column.comment,
                existing_autoincrement=column.autoincrement,
                **options,
            )
        if rename is not None:
            self._rename_column(before, column if not changed else wanted, rename)
        return self._column(table, rename or name, schema)

    def drop_column(self, table: str, name: str, schema: str | None) -> None:
        """Drop a column, with the indexes and constraints that it is part of."""
        before = self._table(table, schema)
        column = self._column(table, name, schema)
        if column.primary_key:
            raise ConfigurationError(f"{table}.{name} is part of the primary key.")
        self._searched.refuse_drop(table, name, self._schema(schema))
        if self._is_sqlite:
            drop_by_rebuilding(self.connection, self._make, self._operations, before, name)
        else:
            dropped = [f"DROP COLUMN {self.quote(name)}"]
            if self._is_mysql:
                dropped = [*self._drops(before, name), *dropped]
            self.run(f"ALTER TABLE {self.quoted(before)} {', '.join(dropped)}")
        self.reader = reader_for(self.connection)

    def create_index(
        self, table: str, index: Index, schema: str | None, concurrently: bool
    ) -> Index:
        """Create an index; without a name it is called `ix_<table>_<columns>`."""
        before = self._table(table, schema)
        index = self._named(index, table)
        columns = [(column, self._make.column(column, NullType())) for column in before.columns]
        made = self._make.index(
            self._make.table(before.name, self._schema(schema), columns, (), ()), index
        )
        if concurrently:
            made.dialect_options["postgresql"]["concurrently"] = True
        made.create(self.connection)
        found = [found for found in self._read(table, schema).indexes if found.name == index.name]
        # MariaDB keeps no difference between a unique index and a unique constraint.
        return found[0] if found else index

    def drop_index(self, name: str, schema: str | None, concurrently: bool) -> None:
        """Drop an index."""
        for table in self.reader.tables(schema):
            held: tuple[Index | Unique, ...] = (
                (*table.indexes, *table.uniques) if self._is_mysql else table.indexes
            )
            if name in {index.name for index in held}:
                break
        else:
            raise NotFound(f"there is no index {name!r}.")
        where = f" ON {self.quoted(table)}" if self._is_mysql else ""
        named = self.quote(name)
        if not self._is_mysql and self._schema(schema) is not None:
            named = f"{self.quote(str(schema))}.{named}"
        self.run(f"DROP INDEX {'CONCURRENTLY ' if concurrently else ''}{named}{where}")

    def quote(self, name: str) -> str:
        """Return a quoted identifier."""
        return self.connection.dialect.identifier_preparer.quote_identifier(self._make.name(name))

    def quoted(self, table: Table) -> str:
        """Return the quoted name of a table, with its schema."""
        return f"{self.quote(str(table.schema))}.{self.quote(table.name)}"

    def plain(self, sql: str) -> str:
        """Return SQL for `run`, where the driver takes `%` for a parameter."""
        doubles = getattr(self.connection.dialect.identifier_preparer, "_double_percents", False)
        return sql.replace("%", "%%") if doubles else sql

    def run(self, statement: str) -> None:
        """Execute a statement made of quoted parts."""
        self.connection.exec_driver_sql(statement)

    @property
    def _is_sqlite(self) -> bool:
        return self.connection.dialect.name == "sqlite"

    @property
    def _is_mysql(self) -> bool:
        return self.connection.dialect.name in {"mysql", "mariadb"}

    def _rename_column(self, table: Table, column: Column, new: str) -> None:
        with self._searched.column_renamed(
            table.name, column.name, new, self._schema(table.schema)
        ):
            self.run(
                f"ALTER TABLE {self.quoted(table)} RENAME COLUMN {self.quote(column.name)} "
                f"TO {self.quote(new)}"
            )

    def _drops(self, table: Table, column: str) -> list[str]:
        # MariaDB would leave smaller indexes over the other columns, or refuse.
        keys = [key for key in table.foreign_keys if column in key.columns]
        parts: tuple[Any, ...] = (*table.indexes, *table.uniques)
        held = [part for part in parts if column in part.columns]
        return [
            *(f"DROP FOREIGN KEY {self.quote(str(key.name))}" for key in keys),
            *(f"DROP INDEX {self.quote(str(part.name))}" for part in held),
        ]

    def _existing(self, column: Column) -> Any:
        return self._make.type(column) if self._is_mysql else None

    def _comments(self, *comments: str | None) -> None:
        if self._is_sqlite and any(comment is not None for comment in comments):
            raise unsupported("SQLite", "comments on tables and columns")

    def _named(self, index: Index, table: str) -> Index:
        if index.name is not None:
            return index
        name = f"ix_{table}_{'_'.join(index.columns) or 'expression'}"
        return replace(index, name=name.encode()[:60].decode(errors="ignore"))

    def _schema(self, schema: str | None) -> str | None:
        return None if schema in {None, self.reader.default_schema} else schema

    def _table(self, name: str, schema: str | None) -> Table:
        found = self.reader.table(name, schema)
        if found.kind != "table":
            raise ConfigurationError(f"{name!r} is a {found.kind}, not a table.")
        return found

    def _column(self, table: str, name: str, schema: str | None) -> Column:
        found = self._read(table, schema).column(name)
        if found is None:
            raise NotFound(f"the table {table!r} has no column {name!r}.")
        return found

    def _read(self, table: str, schema: str | None) -> Table:
        # SQLAlchemy's inspector remembers what it has read.
        self.reader = reader_for(self.connection)
        return self.reader.table(table, schema)
