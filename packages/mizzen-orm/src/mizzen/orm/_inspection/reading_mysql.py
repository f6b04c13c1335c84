"""Reading a MariaDB or MySQL database: the inspector's facts, and estimates and sizes."""

from __future__ import annotations

import re
from typing import Any

from sqlalchemy import Enum, text
from sqlalchemy.dialects.mysql import SET

from .catalog import Function, Table
from .reading import Reader

_WIDTH = re.compile(r"^((?:tiny|small|medium|big)?int(?:eger)?)\(\d+\)")
# How `SHOW CREATE TABLE` writes a text: SQLAlchemy reads that, and leaves these as they are.
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_ESCAPED = {"n": "\n", "r": "\r", "t": "\t", "0": "\0", "Z": "\x1a", "b": "\b"}
_TABLES = (
    "SELECT table_name, table_rows, data_length, index_length FROM information_schema.tables "
    "WHERE table_schema = :schema AND table_type <> 'VIEW'"
)

_VIEWS = (
    "SELECT table_name, view_definition FROM information_schema.views WHERE table_schema = :schema"
)


class MySQLReader(Reader):
    """Reads MariaDB and MySQL; a schema is a database there."""

    name = "MariaDB"

    def version(self) -> str:
        """Return the name and version of the database."""
        (row,) = self._all("SELECT VERSION()")
        kind = "MariaDB" if "mariadb" in str(row[0]).lower() else "MySQL"
        return f"{kind} {str(row[0]).partition('-')[0]}"

    def schemas(self) -> list[str]:
        """Return the databases that this user sees, without the server's own."""
        own = {"information_schema", "performance_schema", "mysql", "sys"}
        return [name for name in super().schemas() if name not in own]

    def tables(self, schema: str | None = None, name: str | None = None) -> list[Table]:
        """Return the tables and views of a schema; none for one that is not there, as elsewhere."""
        if schema is not None and schema not in super().schemas():
            return []
        return super().tables(schema, name)

    def extras(self, schema: str) -> dict[str, dict[str, Any]]:
        """Return estimates and sizes of tables, as of their last analysis, and what views show."""
        found: dict[str, dict[str, Any]] = {
            name: {"rows_estimate": rows, "size_bytes": (data or 0) + (indexes or 0)}
            for name, rows, data, indexes in self._all(_TABLES, schema=schema)
        }
        views = self._all(_VIEWS, schema=schema)
        return {**found, **{name: {"definition": sql} for name, sql in views}}

    def sizes(self, schema: str) -> dict[str, tuple[int | None, int | None]]:
        """Return the bytes of each table and of its indexes, as of its last analysis."""
        return {name: (data, index) for name, _, data, index in self._all(_TABLES, schema=schema)}

    def functions(self, schema: str) -> list[Function]:
        """Return the functions and procedures of a schema."""
        rows = self._all(
            "SELECT r.routine_name, (SELECT GROUP_CONCAT(p.parameter_name, ' ', p.dtd_identifier "
            "ORDER BY p.ordinal_position SEPARATOR ', ') FROM information_schema.parameters p "
            "WHERE p.specific_schema = r.routine_schema AND p.specific_name = r.specific_name "
            "AND p.ordinal_position > 0), r.dtd_identifier, r.routine_type "
            "FROM information_schema.routines r WHERE r.routine_schema = :schema ORDER BY 1",
            schema=schema,
        )
        return [
            Function(name, schema, arguments or "", returns or "", "sql", kind.lower())
            for name, arguments, returns, kind in rows
        ]

    def default(self, sql: str | None, *, number: bool) -> Any:
        """Return a column's default as a value, or as an expression."""
        found = super().default(sql, number=number)
        return _unescaped(found) if isinstance(found, str) else found

    def type_text(self, kind: Any) -> str:
        """Return a column's type as text, without collations; an enum's is "enum"."""
        if isinstance(kind, Enum):
            return "enum"
        if isinstance(kind, SET):
            return "set"
        # The collation is the table's, and no part of what a column is.
        plain = kind.copy() if hasattr(kind, "copy") else kind
        for part in ("collation", "charset"):
            if getattr(plain, part, None) is not None:
                setattr(plain, part, None)
        # So is the width of numbers in old clients; `tinyint(1)` alone means something: a boolean.
        text = super().type_text(plain)
        return text if text.startswith("tinyint(1)") else _WIDTH.sub(r"\1", text)

    def _table(self, name: str, schema: str, kind: str, facts: dict[str, Any]) -> Table:
        return super()._table(name, schema, kind, _plain(facts))

    def _all(self, sql: str, **values: object) -> list[Any]:
        return [tuple(row) for row in self.connection.execute(text(sql), values)]


def _unescaped(text: str) -> str:
    return _ESCAPE.sub(lambda found: _ESCAPED.get(found[1], found[1]), text)


def _plain(facts: dict[str, Any]) -> dict[str, Any]:
    """Return the inspector's facts with names as they are: it leaves quotes in them doubled."""
    return {key: _plain_value(value, key) for key, value in facts.items()}


def _plain_value(value: Any, key: str) -> Any:
    parts: Any = value
    if isinstance(value, dict):
        return _plain(parts)
    if isinstance(value, list):
        return [_plain_value(part, key) for part in parts]
    named = key == "name" or key.endswith(("_columns", "_names", "_table"))
    return value.replace("``", "`") if named and isinstance(value, str) else value
