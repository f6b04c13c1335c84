"""Reading the catalogue of a database: what every kind has, through SQLAlchemy's inspector."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import Enum, inspect
from sqlalchemy.engine.reflection import ObjectKind, ObjectScope

from .._errors import ConfigurationError, NotFound
from .catalog import (
    Check,
    Column,
    Enumeration,
    Expression,
    Extension,
    ForeignKey,
    Function,
    Index,
    Table,
    Unique,
)
from .column_types import text_of
from .defaults import read_default

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Connection


class Reader:
    """Reads through one connection; a subclass adds what its kind of database has."""

    name = "this database"

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.inspector: Any = inspect(connection)

    @property
    def default_schema(self) -> str:
        """Name of the schema where tables are looked for when none is given."""
        return str(self.connection.dialect.default_schema_name)

    def version(self) -> str:
        """Return the name and version of the database."""
        numbers = cast("Any", self.connection.dialect).server_version_info or ()
        return f"{self.name} {'.'.join(map(str, cast('Any', numbers)))}"

    def schemas(self) -> list[str]:
        """Return the names of the schemas, without the database's own."""
        return [str(name) for name in self.inspector.get_schema_names()]

    def tables(self, schema: str | None = None, name: str | None = None) -> list[Table]:
        """Return the tables and views of a schema, or the one of that name."""
        where = schema or self.default_schema
        asked = {
            "schema": where,
            "kind": ObjectKind.ANY,
            "scope": ObjectScope.DEFAULT,
            "filter_names": None if name is None else [name],
        }
        kinds = self.kinds(where)
        parts = {
            part: {
                key[1]: value
                for key, value in getattr(self.inspector, f"get_multi_{part}")(**asked).items()
            }
            for part in (
                "columns",
                "pk_constraint",
                "foreign_keys",
                "indexes",
                "unique_constraints",
                "check_constraints",
                "table_comment",
            )
        }
        extras = self.extras(where)
        found: list[Table] = []
        for table in sorted(parts["columns"]):
            facts = {part: held.get(table) for part, held in parts.items()}
            made = self._table(table, where, kinds.get(table, "table"), facts)
            found.append(_with(made, extras.get(table, {})))
        return found

    def table(self, name: str, schema: str | None = None) -> Table:
        """Return one table or view; raises `NotFound`."""
        found = self.tables(schema, name)
        if not found:
            where = schema or self.default_schema
            raise NotFound(f"there is no table {name!r} in the schema {where!r}.")
        return found[0]

    def kinds(self, schema: str) -> dict[str, str]:
        """Return the kind of each table and view that is no plain table."""
        return dict.fromkeys(self.inspector.get_view_names(schema), "view")

    def extras(self, schema: str) -> dict[str, dict[str, Any]]:
        """Return further facts of tables, by the names of `Table`'s fields."""
        del schema
        return {}

    def sizes(self, schema: str) -> dict[str, tuple[int | None, int | None]]:
        """Return the bytes of each table and of its indexes."""
        raise unsupported(self.name, "sizes of tables")

    def require_policies(self) -> None:
        """Raise unless this kind of database has row security."""
        raise unsupported(self.name, "row level security")

    def functions(self, schema: str) -> list[Function]:
        """Return the functions of a schema."""
        raise unsupported(self.name, "stored functions")

    def extensions(self) -> list[Extension]:
        """Return the installed extensions."""
        raise unsupported(self.name, "extensions that can be listed")

    def enums(self, schema: str) -> list[Enumeration]:
        """Return the named enum types of a schema."""
        raise unsupported(self.name, "named enum types")

    def enum_types(self, schema: str | None = None) -> Mapping[str, tuple[str, ...]]:
        """Return the values of the enum types that a column here can have, by name."""
        del schema
        return {}

    def _table(self, name: str, schema: str, kind: str, facts: dict[str, Any]) -> Table:
        where: dict[str, Any] = {"table": name, "schema": schema}
        key = tuple(_or_empty(_or_empty(facts["pk_constraint"]).get("constrained_columns")))
        uniques = _or_empty(facts["unique_constraints"])
        named = {unique["name"] for unique in uniques}
        return Table(
            name,
            schema,
            kind,
            _or_empty(facts["table_comment"]).get("text"),
            tuple(self._column(column, key, where) for column in facts["columns"]),
            key,
            tuple(
                self._index(index, where)
                for index in _or_empty(facts["indexes"])
                # A unique constraint's own index is part of the constraint.
                if index["name"] not in named and not index.get("duplicates_constraint")
            ),
            tuple(self._foreign_key(held, where) for held in _or_empty(facts["foreign_keys"])),
            tuple(
                Unique(*unique["column_names"], name=unique["name"], **where) for unique in uniques
            ),
            tuple(
                Check(Expression(check["sqltext"]), name=check["name"], **where)
                for check in _or_empty(facts["check_constraints"])
            ),
        )

    def _column(self, facts: Any, key: tuple[str, ...], where: dict[str, Any]) -> Column:
        kind = facts["type"]
        values = tuple(cast("Any", kind).enums) if isinstance(kind, Enum) else ()
        counts = facts.get("identity") is not None or facts.get("autoincrement") is True
        computed = facts.get("computed")
        default = facts.get("default")
        return Column(
            facts["name"],
            self.type_text(kind),
            nullable=bool(facts["nullable"]),
            default=None if counts else self.default(default, number=_is_number(kind)),
            primary_key=facts["name"] in key,
            autoincrement=True if counts else None,
            generated=Expression(computed["sqltext"]) if computed else None,
            values=values,
            comment=facts.get("comment"),
            **where,
        )

    def default(self, sql: str | None, *, number: bool) -> Any:
        """Return a column's default as a value, or as an expression."""
        return read_default(sql, number=number)

    def type_text(self, kind: Any) -> str:
        """Return a column's type as text."""
        return text_of(kind, self.connection.dialect)

    def _index(self, facts: Any, where: dict[str, Any]) -> Index:
        options = _or_empty(facts.get("dialect_options"))
        condition = next((value for key, value in options.items() if key.endswith("_where")), None)
        method = next((value for key, value in options.items() if key.endswith("_using")), None)
        return Index(
            tuple(name for name in facts["column_names"] if name is not None),
            bool(facts["unique"]),
            Expression(_bare(str(condition))) if condition is not None else None,
            method if method != "btree" else None,
            tuple(_or_empty(facts.get("expressions"))),
            name=facts["name"],
            **where,
        )

    def _foreign_key(self, facts: Any, where: dict[str, Any]) -> ForeignKey:
        options = _or_empty(facts.get("options"))
        schema = facts["referred_schema"]
        return ForeignKey(
            tuple(facts["constrained_columns"]),
            facts["referred_table"],
            tuple(facts["referred_columns"]),
            name=facts["name"],
            referenced_schema=None if schema in {None, where["schema"]} else schema,
            on_delete=_rule(options.get("ondelete")),
            on_update=_rule(options.get("onupdate")),
            deferrable=bool(options.get("deferrable")),
            **where,
        )


def reader_for(connection: Connection) -> Reader:
    """Return the reader for the connection's kind of database."""
    match connection.dialect.name:
        case "sqlite":
            from .reading_sqlite import SQLiteReader

            return SQLiteReader(connection)
        case "postgresql":
            from .reading_postgresql import PostgreSQLReader

            return PostgreSQLReader(connection)
        case "mysql" | "mariadb":
            from .reading_mysql import MySQLReader

            return MySQLReader(connection)
        case _:
            return Reader(connection)


def unsupported(database: str, what: str) -> ConfigurationError:
    """Return the error for what a kind of database does not have."""
    return ConfigurationError(f"{database} has no {what}.")


def _or_empty(part: Any) -> Any:
    # The inspector gives None, or nothing at all, for what a table does not have.
    return part or {}


def _rule(rule: str | None) -> str | None:
    # RESTRICT is MySQL's name for its default; elsewhere it differs from NO ACTION.
    return None if rule in {None, "NO ACTION"} else rule


def _bare(sql: str) -> str:
    # PostgreSQL puts a condition in brackets.
    inner = sql[1:-1]
    depth, whole = 0, sql.startswith("(") and sql.endswith(")")
    for character in inner:
        depth += (character == "(") - (character == ")")
        whole = whole and depth >= 0
    return inner if whole else sql


def _is_number(kind: Any) -> bool:
    try:
        return issubclass(kind.python_type, int | float) or kind.python_type.__name__ == "Decimal"
    except NotImplementedError:
        return False


def _with(table: Table, extra: dict[str, Any]) -> Table:
    from dataclasses import replace

    return replace(table, **extra) if extra else table
