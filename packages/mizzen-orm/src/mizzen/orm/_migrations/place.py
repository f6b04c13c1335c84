"""Which schema of PostgreSQL the steps run in: a tenant's, made when it is missing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import event, text

from .._errors import ConfigurationError
from .._tenancy.acting import create_schema, path, quoted
from . import bookkeeping, locks

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

# Without the schema nothing is looked at: what is shared would be taken for the tenant's.
_ENTER = (
    "SELECT set_config('search_path', CASE WHEN EXISTS (SELECT FROM pg_catalog.pg_namespace "
    "WHERE nspname = %s) THEN %s ELSE %s END, false)"
)
_IS_THERE = text("SELECT true FROM pg_catalog.pg_namespace WHERE nspname = :schema")
_MIGRATED = text(
    "SELECT n.nspname FROM pg_catalog.pg_class c "
    "JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
    "WHERE c.relname = :table AND c.relkind = 'r' "
    "AND n.nspname IS DISTINCT FROM current_schema() ORDER BY 1"
)


class Place(NamedTuple):
    """A schema, and those that are looked into after it; None: the connection's own."""

    schema: str | None = None
    shared: tuple[str, ...] = ()

    def enter(self, engine: Engine) -> Engine:
        """Keep every connection of *engine* to the schema, and return the engine."""
        if self.schema is None:
            return engine
        _require_schemas(engine)
        asked = (self.schema, path(self.schema, self.shared), path(self.schema))

        def said(connection: Any, _record: object) -> None:
            with connection.cursor() as cursor:
                cursor.execute(_ENTER, asked)
            connection.commit()

        # Before SQLAlchemy's own first look, which asks for the name of the schema.
        event.listen(engine, "connect", said, insert=True)
        return engine

    def create(self, connection: Connection, wait: float) -> None:
        """Make the schema, and its bookkeeping, if it is missing; several processes may."""
        if self.schema is None:
            return
        with connection.begin():
            # Who may not make schemas may still migrate those that are there.
            if connection.scalar(_IS_THERE, {"schema": self.schema}):
                return
        with locks.only_migrator(connection, wait), connection.begin():
            create_schema(connection, self.schema)
            # It is one of those that are migrated, also when its first step fails.
            if not bookkeeping.is_there(connection, self.schema):
                bookkeeping.TABLE.create(connection, checkfirst=False)

    def script(self, sql: str) -> str:
        """Return *sql* as it is for this schema."""
        if self.schema is None or not sql:
            return sql
        return (
            f"CREATE SCHEMA IF NOT EXISTS {quoted(self.schema)};\n"
            f"SET search_path TO {path(self.schema, self.shared)};\n{sql}"
        )


def migrated(connection: Connection) -> list[str]:
    """Return the schemas that have been migrated, except the connection's own."""
    _require_schemas(connection.engine)
    with connection.begin():
        return list(connection.scalars(_MIGRATED, {"table": bookkeeping.TABLE.name}))


def _require_schemas(engine: Engine) -> None:
    if engine.dialect.name != "postgresql":
        raise ConfigurationError("migrations by schema are PostgreSQL's; this is another database.")
