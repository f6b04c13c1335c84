"""From records to SQLAlchemy's tables, which write the DDL of every dialect."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.sql.elements import quoted_name

from .._errors import ConfigurationError
from .catalog import Check, Column, Expression, ForeignKey, Unique
from .column_types import type_of
from .defaults import escaped, server_default

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy.engine import Dialect

_RULES = {None, "CASCADE", "SET NULL", "SET DEFAULT", "RESTRICT"}
_LONGEST = {"postgresql": 63, "mysql": 64, "mariadb": 64}


class Definitions:
    """Builds parts of tables for one dialect; *enums* are the database's own enum types."""

    def __init__(self, dialect: Dialect, enums: Mapping[str, tuple[str, ...]]) -> None:
        self.dialect = dialect
        self._enums = enums

    def name(self, name: object) -> quoted_name:
        """Return an identifier that is always quoted; raises `ConfigurationError`."""
        if not isinstance(name, str) or not name or "\0" in name:
            raise ConfigurationError(
                f"{name!r} is no name: a name is text, not empty, without \\0."
            )
        if self.dialect.name in {"mysql", "mariadb"} and not name.isprintable():
            # SQLAlchemy reads these databases' tables line by line.
            raise ConfigurationError(f"{name!r}: no line ends or control characters in names here.")
        longest = _LONGEST.get(self.dialect.name)
        size = len(name.encode()) if self.dialect.name == "postgresql" else len(name)
        if longest is not None and size > longest:
            # PostgreSQL would cut it, and the name would be another one.
            raise ConfigurationError(
                f"the name {name[:40]!r}… is too long for {self.dialect.name}: at most {longest}."
            )
        return quoted_name(name, quote=True)

    def type(self, column: Column) -> sa.types.TypeEngine[Any]:
        """Return a column's SQLAlchemy type."""
        return type_of(column.type, self.dialect, self._enums, column.values)

    def default(self, value: Any, column: str) -> Any:
        """Return a default as SQLAlchemy takes it."""
        return server_default(value, self.dialect.name, column)

    def column(self, column: Column, kind: sa.types.TypeEngine[Any] | None = None) -> Any:
        """Return one column; the primary key is the table's."""
        kind = kind or self.type(column)
        parts: list[Any] = []
        if column.generated is not None:
            # PostgreSQL has only the stored kind; the others take theirs by default.
            stored = True if self.dialect.name == "postgresql" else None
            parts.append(sa.Computed(escaped(column.generated.sql), persisted=stored))
        counts: Any = column.autoincrement
        if counts is None:
            counts = column.primary_key and "auto" if column.default is None else False
        if counts and self._counts_by_identity(kind):
            parts.append(sa.Identity())
        return sa.Column(
            self.name(column.name),
            kind,
            *parts,
            nullable=column.nullable,
            server_default=self.default(column.default, column.name),
            autoincrement=counts if not parts else "auto",
            comment=column.comment,
        )

    def table(
        self,
        name: str,
        schema: str | None,
        columns: Sequence[tuple[Column, Any]],
        key: Sequence[str],
        constraints: Sequence[ForeignKey | Unique | Check],
        **options: Any,
    ) -> sa.Table:
        """Return a table of `(record, SQLAlchemy column)` pairs."""
        metadata = sa.MetaData()
        table = sa.Table(
            self.name(name),
            metadata,
            *(made for _, made in columns),
            schema=None if schema is None else self.name(schema),
            **options,
        )
        if key:
            counted = len(key) == 1
            parts = [_of(table, column) for column in key]
            for part in parts if not counted else ():
                part.autoincrement = part.autoincrement is True
            table.append_constraint(sa.PrimaryKeyConstraint(*parts))
        for constraint in constraints:
            table.append_constraint(self.constraint(table, constraint))
        return table

    def constraint(self, table: sa.Table, constraint: ForeignKey | Unique | Check) -> Any:
        """Return one constraint of *table*."""
        name = None if constraint.name is None else self.name(constraint.name)
        if isinstance(constraint, Unique):
            return sa.UniqueConstraint(*(_of(table, c) for c in constraint.columns), name=name)
        if isinstance(constraint, Check):
            return sa.CheckConstraint(escaped(constraint.expression.sql), name=name)
        return self._foreign_key(table, constraint, name)

    def index(self, table: sa.Table, index: Any) -> sa.Index:
        """Return an index of *table*; its expressions and condition are SQL as it is."""
        parts: list[Any] = [_of(table, column) for column in index.columns]
        if index.expressions:
            plain = {ansi(column.name): column for column in table.c}
            parts = [plain.get(part, escaped(part)) for part in index.expressions]
        options: dict[str, Any] = {}
        if index.where is not None:
            if self.dialect.name not in {"sqlite", "postgresql"}:
                raise ConfigurationError(f"{self.dialect.name} has no indexes with a condition.")
            options[f"{self.dialect.name}_where"] = escaped(index.where.sql)
        if index.method is not None:
            if self.dialect.name != "postgresql" or not index.method.isidentifier():
                raise ConfigurationError(f"{index.method!r} is no kind of index here.")
            options["postgresql_using"] = index.method
        if not parts:
            raise ConfigurationError(f"the index {index.name!r} names no column.")
        return sa.Index(self.name(index.name), *parts, unique=index.unique, _table=table, **options)

    def _foreign_key(self, table: sa.Table, key: ForeignKey, name: Any) -> Any:
        if not {key.on_delete, key.on_update} <= _RULES:
            raise ConfigurationError(
                f"{key!r}: rules are CASCADE, SET NULL, SET DEFAULT, RESTRICT or NO ACTION."
            )
        schema = table.schema if key.referenced_schema is None else key.referenced_schema
        target = table
        if (key.references, schema) != (table.name, table.schema):
            # A stand-in, which is not created: the reference is by name.
            target = sa.Table(
                self.name(key.references),
                sa.MetaData(),
                *(sa.Column(self.name(column), sa.Integer) for column in key.referenced),
                schema=None if schema is None else self.name(schema),
            )
        return sa.ForeignKeyConstraint(
            [_of(table, column) for column in key.columns],
            [_of(target, column) for column in key.referenced],
            name=name,
            ondelete=key.on_delete,
            onupdate=key.on_update,
            deferrable=True if key.deferrable else None,
            initially="DEFERRED" if key.deferrable else None,
        )

    def _counts_by_identity(self, kind: Any) -> bool:
        return self.dialect.name == "postgresql" and isinstance(kind, sa.Integer)


def expression(given: sa.TextClause | Expression | None, what: str) -> Expression | None:
    """Return marked SQL as an expression; a plain string is refused."""
    if given is None or isinstance(given, Expression):
        return given
    if isinstance(given, sa.TextClause):  # pyright: ignore[reportUnnecessaryIsInstance]
        return Expression.of(given)
    raise ConfigurationError(f"{what} is SQL, which has to be marked: `sqlalchemy.text(...)`.")


def ansi(name: str) -> str:
    """Return a name in standard quotes, as it stands among an index's expressions."""
    return '"' + name.replace('"', '""') + '"'


def _of(table: sa.Table, name: str) -> Any:
    if name not in table.c:
        raise ConfigurationError(f"the table {table.name!r} has no column {name!r}.")
    return table.c[name]
