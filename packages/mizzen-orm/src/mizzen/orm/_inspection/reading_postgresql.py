"""Reading a PostgreSQL database: the inspector's facts, and row security, sizes, types."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from sqlalchemy import text
from sqlalchemy.dialects import postgresql

from .catalog import Enumeration, Expression, Extension, Function, Policy
from .column_types import text_of
from .reading import Reader

if TYPE_CHECKING:
    from collections.abc import Mapping

_KINDS = {"v": "view", "m": "materialized view", "f": "foreign"}
_COMMANDS = {"r": "SELECT", "a": "INSERT", "w": "UPDATE", "d": "DELETE", "*": "ALL"}


class PostgreSQLReader(Reader):
    """Reads PostgreSQL."""

    name = "PostgreSQL"

    def schemas(self) -> list[str]:
        """Return the names of the schemas, without PostgreSQL's own."""
        return [name for name in super().schemas() if name != "information_schema"]

    def kinds(self, schema: str) -> dict[str, str]:
        """Return the kind of each table and view that is no plain table."""
        rows = self._all(
            "SELECT c.relname, c.relkind FROM pg_class c JOIN pg_namespace n "
            "ON n.oid = c.relnamespace WHERE n.nspname = :schema AND c.relkind IN ('v', 'm', 'f')",
            schema=schema,
        )
        return {name: _KINDS[_character(kind)] for name, kind in rows}

    def extras(self, schema: str) -> dict[str, dict[str, Any]]:
        """Return row security, policies, estimates and sizes of tables."""
        policies = self._policies(schema)
        rows = self._all(
            "SELECT c.relname, c.relrowsecurity, c.relforcerowsecurity, c.reltuples, "
            "pg_total_relation_size(c.oid), "
            "CASE WHEN c.relkind IN ('v', 'm') THEN pg_get_viewdef(c.oid) END "
            "FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
            "WHERE n.nspname = :schema AND c.relkind IN ('r', 'p', 'v', 'm', 'f')",
            schema=schema,
        )
        return {
            name: {
                "rls_enabled": enabled,
                "rls_forced": forced,
                "policies": tuple(policies[name]),
                # -1 says that nobody has counted yet.
                "rows_estimate": int(count) if count >= 0 and not definition else None,
                "size_bytes": int(size),
                "definition": definition.strip() if definition else None,
            }
            for name, enabled, forced, count, size, definition in rows
        }

    def sizes(self, schema: str) -> dict[str, tuple[int | None, int | None]]:
        """Return the bytes of each table (with its TOAST data) and of its indexes."""
        rows = self._all(
            "SELECT c.relname, pg_table_size(c.oid), pg_indexes_size(c.oid) "
            "FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
            "WHERE n.nspname = :schema AND c.relkind IN ('r', 'p', 'm')",
            schema=schema,
        )
        return {name: (int(size), int(indexes)) for name, size, indexes in rows}

    def require_policies(self) -> None:
        """Do nothing: PostgreSQL has row security."""

    def functions(self, schema: str) -> list[Function]:
        """Return the functions of a schema, without those of extensions."""
        rows = self._all(
            "SELECT p.proname, pg_get_function_arguments(p.oid), "
            "coalesce(pg_get_function_result(p.oid), ''), l.lanname, p.prokind "
            "FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace "
            "JOIN pg_language l ON l.oid = p.prolang WHERE n.nspname = :schema AND NOT EXISTS "
            "(SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e') ORDER BY 1, 2",
            schema=schema,
        )
        kinds = {"f": "function", "p": "procedure", "a": "aggregate", "w": "window"}
        return [
            Function(name, schema, arguments, returns, language, kinds[_character(kind)])
            for name, arguments, returns, language, kind in rows
        ]

    def extensions(self) -> list[Extension]:
        """Return the installed extensions."""
        rows = self._all(
            "SELECT e.extname, e.extversion, n.nspname, obj_description(e.oid, 'pg_extension') "
            "FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace ORDER BY 1"
        )
        return [Extension(*row) for row in rows]

    def enums(self, schema: str) -> list[Enumeration]:
        """Return the enum types of a schema."""
        return [
            Enumeration(found["name"], found["schema"], tuple(found["labels"]))
            for found in self.inspector.get_enums(schema)
        ]

    def enum_types(self, schema: str | None = None) -> Mapping[str, tuple[str, ...]]:
        """Return the values of the enum types of a schema, by name."""
        return {found.name: found.values for found in self.enums(schema or self.default_schema)}

    def type_text(self, kind: Any) -> str:
        """Return a column's type as text; an enum's is its name."""
        item: Any = getattr(kind, "item_type", kind)
        arrays = "" if item is kind else "[]"
        if isinstance(item, postgresql.ENUM | postgresql.DOMAIN):
            return f"{item.name}{arrays}"
        return f"{text_of(item, self.connection.dialect)}{arrays}".replace(" without time zone", "")

    def _policies(self, schema: str) -> dict[str, list[Policy]]:
        rows = self._all(
            "SELECT p.polname, c.relname, p.polcmd, p.polpermissive, "
            "CASE WHEN p.polroles = '{0}' THEN ARRAY['public'] ELSE ARRAY(SELECT rolname::text "
            "FROM pg_roles WHERE oid = ANY (p.polroles) ORDER BY 1) END, "
            "pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid) "
            "FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid "
            "JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = :schema ORDER BY 1",
            schema=schema,
        )
        found: dict[str, list[Policy]] = defaultdict(list)
        for name, table, command, permissive, roles, using, check in rows:
            found[table].append(
                Policy(
                    _COMMANDS[_character(command)],
                    permissive,
                    tuple(roles),
                    Expression(using) if using is not None else None,
                    Expression(check) if check is not None else None,
                    name=name,
                    table=table,
                    schema=schema,
                )
            )
        return found

    def _all(self, sql: str, **values: object) -> list[Any]:
        return [tuple(row) for row in self.connection.execute(text(sql), values)]


def _character(value: str | bytes) -> str:
    # PostgreSQL's "char" type; some drivers give bytes.
    return value.decode() if isinstance(value, bytes) else value
