"""The same migrations in many schemas, one after the other: tenants, each with its own tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._errors import OrmError, SchemasFailed

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from .migrations import Migration, Migrations

# A message is read by people; `errors` has them all.
_MOST_NAMED = 5


class SchemaMigrations:
    """`migrations.schemas("acme", "globex")`: each call goes through all of them, in this order.

    It returns what each schema's call returned, by schema. A schema that fails does not hold up the
    others: `SchemasFailed` comes at the end.
    """

    def __init__(self, migrations: Migrations, names: tuple[str, ...]) -> None:
        self._migrations, self._names = migrations, tuple(dict.fromkeys(names))

    async def names(self) -> list[str]:
        """Return the schemas that are meant."""
        return list(self._names) or await self._migrations.migrated_schemas()

    async def up(
        self, steps: int | None = None, *, to: str | None = None
    ) -> dict[str, list[Migration]]:
        """Make the schemas that are missing, and bring each up to date."""
        return await self._each(lambda one: one.up(steps, to=to))

    async def down(
        self, steps: int | None = 1, *, to: str | None = None
    ) -> dict[str, list[Migration]]:
        """Take the last migrations of each schema back; the schemas stay."""
        return await self._each(lambda one: one.down(steps, to=to))

    async def redo(self, steps: int = 1) -> dict[str, list[Migration]]:
        """Take the last migrations of each schema back, and apply them again."""
        return await self._each(lambda one: one.redo(steps))

    async def status(self) -> dict[str, list[Migration]]:
        """Return every migration of each schema; in one that is missing all are pending."""
        return await self._each(lambda one: one.status())

    async def history(self) -> dict[str, list[Migration]]:
        """Return what each schema has, in the order in which it was applied."""
        return await self._each(lambda one: one.history())

    def __repr__(self) -> str:
        which = ", ".join(self._names) or "every schema that was migrated"
        return f"<mizzen.orm.SchemaMigrations {which}: {self._migrations!r}>"

    async def _each(
        self, call: Callable[[Migrations], Awaitable[list[Migration]]]
    ) -> dict[str, list[Migration]]:
        done: dict[str, list[Migration]] = {}
        errors: dict[str, OrmError] = {}
        for name in await self.names():
            try:
                done[name] = await call(self._migrations.in_schema(name))
            except OrmError as error:
                errors[name] = error
        if errors:
            raise SchemasFailed(_said(errors, len(done)), errors=errors, done=done)
        return done


def _said(errors: dict[str, OrmError], well: int) -> str:
    named = [f'"{name}": {error}' for name, error in list(errors.items())[:_MOST_NAMED]]
    more = len(errors) - len(named)
    return (
        f"{len(errors)} of {len(errors) + well} schemas failed; the others are done. "
        + " ".join(named)
        + (f" And {more} more, see `errors`." if more else "")
    )
