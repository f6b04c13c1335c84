"""In whose name, and in which schema, PostgreSQL runs what a context sends.

`with db.acting_as("authenticated", claims=…)` and `with db.schema("acme")` hold for everything that
models and sessions of that database do in the block. Nothing goes around sessions there, and each
transaction begins by saying it with `set_config(…, is_local => true)`: the transaction's end takes
it back, so that it never comes along to whoever has the connection next.
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import text

from .._errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Mapping

    from sqlalchemy import Connection

    from .._core import Core

_KEY = "mizzen_acting"
_LONGEST_NAME = 63  # bytes

_ROLE = text(
    "SELECT r.rolname AS name, r.rolsuper OR r.rolbypassrls AS above, "
    "ARRAY(SELECT c.oid::regclass::text FROM pg_catalog.pg_class c WHERE c.relrowsecurity "
    "AND NOT c.relforcerowsecurity AND pg_has_role(r.oid, c.relowner, 'USAGE')) AS owned, "
    "set_config('role', r.rolname, true), set_config('request.jwt.claims', :claims, true) "
    "FROM pg_catalog.pg_roles r WHERE r.rolname = coalesce(:role, current_user)"
)
_SCHEMA = text(
    "SELECT set_config('search_path', :path, true) FROM pg_catalog.pg_namespace "
    "WHERE nspname = :schema"
)


class Acting(NamedTuple):
    """What a context says about its transactions."""

    role: str | None = None
    claims: str | None = None  # as JSON
    schema: str | None = None
    shared: tuple[str, ...] = ()

    def begin(self, connection: Connection) -> None:
        """Say it on a connection whose transaction has just begun."""
        if self.schema is not None:
            ways = path(self.schema, self.shared)
            found = connection.execute(_SCHEMA, {"path": ways, "schema": self.schema}).first()
            if found is None:
                raise ConfigurationError(
                    f"there is no schema {self.schema!r}: `await db.create_all(schema=…)` "
                    "makes one.",
                    schema=self.schema,
                )
        if self.role is not None or self.claims is not None:
            asked = {"role": self.role, "claims": self.claims or "{}"}
            _require_security(self.role, connection.execute(_ROLE, asked).first())


_acting: ContextVar[Mapping[Core, Acting]] = ContextVar("mizzen_orm_acting")


def acting(database: Core) -> Acting | None:
    """Return what the context says about transactions of *database*, None if nothing."""
    held = _acting.get(None)
    return None if held is None else held.get(database)


def info(database: Core) -> dict[str, object] | None:
    """Return what a session of *database* that is made now has to know."""
    found = acting(database)
    return None if found is None else {_KEY: found}


def begin(known: Mapping[Any, Any], connection: Connection) -> None:
    """Begin a transaction as its session was told."""
    found: Acting | None = known.get(_KEY)
    if found is None:
        return
    try:
        found.begin(connection)
    except BaseException:
        # What follows in this transaction would run in another name: it can't be used any more.
        connection.invalidate()
        raise


@contextmanager
def in_schema(database: Core, schema: str, shared: tuple[str, ...]) -> Generator[None]:
    """Use the tables of *schema* for the block."""
    with _set(database, schema=schema, shared=shared):
        yield


@contextmanager
def as_role(database: Core, role: str | None, claims: Mapping[str, Any] | None) -> Generator[None]:
    """Act as *role*, with *claims*, for the block."""
    if role is None and claims is None:
        raise ConfigurationError("acting_as() takes a role, claims or both.")
    try:
        said = None if claims is None else json.dumps(dict(claims))
    except (TypeError, ValueError) as error:
        raise ConfigurationError(f"acting_as(): the claims are no JSON: {error}") from error
    with _set(database, role=role, claims=said):
        yield


def create_schema(connection: Connection, schema: str) -> None:
    """Make *schema* if it is missing, and the one where the transaction creates its tables."""
    if connection.dialect.name != "postgresql":
        raise _only_postgresql("schemas")
    connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {_escaped(quoted(schema))}"))
    Acting(schema=schema).begin(connection)


def path(schema: str, shared: Iterable[str] = ()) -> str:
    """Return the `search_path` that looks into *schema* first, then into the *shared* ones."""
    return ", ".join(map(quoted, (schema, *shared)))


def quoted(name: str) -> str:
    """Return the name of a schema as SQL takes it."""
    # PostgreSQL would cut a longer name short, and two tenants might be one.
    if not name or "\0" in name or len(name.encode()) > _LONGEST_NAME:
        raise ConfigurationError(f"{name!r} is no name of a schema.")
    return '"' + name.replace('"', '""') + '"'


@contextmanager
def _set(database: Core, **said: Any) -> Generator[None]:
    from .._connections.sessions import ambient

    if database.engine.dialect.name != "postgresql":
        raise _only_postgresql("schemas" if "schema" in said else "roles and claims")
    if ambient(database) is not None:
        raise ConfigurationError(
            "a session or transaction has begun already: open it inside of the block."
        )
    outer = _acting.get({})
    token = _acting.set({**outer, database: outer.get(database, Acting())._replace(**said)})
    try:
        yield
    finally:
        _acting.reset(token)


def _require_security(role: str | None, found: Any) -> None:
    if found is None:
        raise ConfigurationError(f"there is no role {role!r} in the database.", role=role)
    if found.above:
        raise ConfigurationError(
            f"the role {found.name!r} is a superuser or has BYPASSRLS: row level security doesn't "
            "hold for it. Act as another role.",
            role=found.name,
        )
    if found.owned:
        tables = ", ".join(found.owned)
        raise ConfigurationError(
            f"the role {found.name!r} owns {tables}: row level security doesn't hold for an owner. "
            "Act as another role, or switch it on with force (`db.meta.enable_rls(table, "
            "force=True)`).",
            role=found.name,
        )


def _only_postgresql(what: str) -> ConfigurationError:
    return ConfigurationError(f"{what} for a block are PostgreSQL's; this is another database.")


def _escaped(sql: str) -> str:
    return sql.replace(":", "\\:")
