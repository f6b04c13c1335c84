"""Row security of PostgreSQL: switching it on for a table, and its policies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._errors import ConfigurationError, NotFound
from .changes import Changes
from .definitions import expression
from .reading import unsupported

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import TextClause

    from .catalog import Expression, Policy

_COMMANDS = {"ALL", "SELECT", "INSERT", "UPDATE", "DELETE"}
# Words that stand for a role; any other name is quoted.
_WORDS = {"public", "current_user", "current_role", "session_user"}


class Policies(Changes):
    """Changes of row security; raises `ConfigurationError` where the database has none."""

    def create(
        self,
        table: str,
        name: str,
        schema: str | None,
        *,
        command: str,
        using: TextClause | Expression | None,
        check: TextClause | Expression | None,
        roles: Sequence[str],
        permissive: bool,
    ) -> Policy:
        """Create a policy."""
        if command.upper() not in _COMMANDS:
            raise ConfigurationError(
                f"{command!r}: a policy is for ALL, SELECT, INSERT, UPDATE or DELETE."
            )
        head = (
            f"CREATE POLICY {self.quote(name)} ON {self._on(table, schema)} "
            f"AS {'PERMISSIVE' if permissive else 'RESTRICTIVE'} FOR {command.upper()}"
        )
        self.run(head + self._rules(using, check, roles))
        return self._policy(table, name, schema)

    def alter(
        self,
        table: str,
        name: str,
        schema: str | None,
        *,
        using: TextClause | Expression | None,
        check: TextClause | Expression | None,
        roles: Sequence[str],
        rename: str | None,
    ) -> Policy:
        """Change a policy; what is not named stays as it is."""
        head = f"ALTER POLICY {self.quote(name)} ON {self._on(table, schema)}"
        self._policy(table, name, schema)
        if using is not None or check is not None or roles:
            self.run(head + self._rules(using, check, roles))
        if rename is not None:
            self.run(f"{head} RENAME TO {self.quote(rename)}")
        return self._policy(table, rename or name, schema)

    def drop(self, table: str, name: str, schema: str | None) -> None:
        """Drop a policy."""
        on = self._on(table, schema)
        self._policy(table, name, schema)
        self.run(f"DROP POLICY {self.quote(name)} ON {on}")

    def switch(self, table: str, schema: str | None, *, on: bool, force: bool) -> None:
        """Switch row security of a table on or off; *force* includes the table's owner."""
        where = self._on(table, schema)
        self.run(f"ALTER TABLE {where} {'ENABLE' if on else 'DISABLE'} ROW LEVEL SECURITY")
        forced = "FORCE" if on and force else "NO FORCE"
        self.run(f"ALTER TABLE {where} {forced} ROW LEVEL SECURITY")

    def _on(self, table: str, schema: str | None) -> str:
        if self.connection.dialect.name != "postgresql":
            raise unsupported(self.reader.name, "row level security")
        return self.quoted(self._table(table, schema))

    def _rules(
        self,
        using: TextClause | Expression | None,
        check: TextClause | Expression | None,
        roles: Sequence[str],
    ) -> str:
        using, check = expression(using, "`using`"), expression(check, "`check`")
        named = [role if role in _WORDS else self.quote(role) for role in roles]
        return (
            (f" TO {', '.join(named)}" if named else "")
            + (f" USING ({self.plain(using.sql)})" if using else "")
            + (f" WITH CHECK ({self.plain(check.sql)})" if check else "")
        )

    def _policy(self, table: str, name: str, schema: str | None) -> Policy:
        found = [policy for policy in self._read(table, schema).policies if policy.name == name]
        if not found:
            raise NotFound(f"the table {table!r} has no policy {name!r}.")
        return found[0]
