"""The half of `db.meta` that changes the schema; each call is a transaction of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import anyio.to_thread
from sqlalchemy.exc import SQLAlchemyError

from .catalog import Column, Expression, Index, Table

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import EllipsisType

    from sqlalchemy import TextClause
    from sqlalchemy.types import TypeEngine

    from .._database import Database
    from .catalog import Check, ForeignKey, Policy, Unique
    from .changes import Changes
    from .policies import Policies

T = TypeVar("T")

# A change of a table waits for those who use it, and all others then wait behind it.
_LOCK_SECONDS = 10


class Alterations:
    """Changes tables, columns, indexes and policies.

    Names are quoted, and types have to be known; SQL (defaults, conditions, expressions) is taken
    only when it is marked with `sqlalchemy.text(...)`, and then written as it is. A change waits
    ten seconds at most for those who use the table.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create_table(
        self,
        name: str,
        columns: Sequence[Column],
        *,
        primary_key: Sequence[str] = (),
        foreign_keys: Sequence[ForeignKey] = (),
        uniques: Sequence[Unique] = (),
        checks: Sequence[Check] = (),
        indexes: Sequence[Index] = (),
        comment: str | None = None,
        schema: str | None = None,
    ) -> Table:
        """Create a table, and return it as the database has it.

        The key is `primary_key`, or the columns that say `primary_key=True`, in their order.
        """
        return await self._change(
            lambda changes: changes.create_table(
                name,
                schema,
                columns,
                primary_key=primary_key,
                constraints=(*uniques, *checks, *foreign_keys),
                indexes=indexes,
                comment=comment,
            )
        )

    async def drop_table(
        self, name: str, *, cascade: bool = False, schema: str | None = None
    ) -> None:
        """Drop a table, with its indexes, policies and search index.

        Raises `ConstraintFailed` while other tables refer to it; `cascade=True` (PostgreSQL) drops
        their references, and the views over it.
        """
        await self._change(lambda changes: changes.drop_table(name, schema, cascade=cascade))

    async def rename_table(self, name: str, new: str, *, schema: str | None = None) -> Table:
        """Rename a table; references and its search index follow."""
        return await self._change(lambda changes: changes.rename_table(name, new, schema))

    async def add_column(self, table: str, column: Column, *, schema: str | None = None) -> Column:
        """Add a column; one that may not be null needs a default where there are rows."""
        return await self._change(lambda changes: changes.add_column(table, column, schema))

    async def alter_column(
        self,
        table: str,
        name: str,
        *,
        type: str | TypeEngine[Any] | type[TypeEngine[Any]] | EllipsisType = ...,
        nullable: bool | None = None,
        default: Any = ...,
        rename: str | None = None,
        comment: str | EllipsisType | None = ...,
        using: TextClause | Expression | None = None,
        schema: str | None = None,
    ) -> Column:
        """Change a column; what is not named stays as it is, and `default=None` is none.

        `using` is the SQL that makes the new values (PostgreSQL). SQLite copies the table, and
        raises, changing nothing, when the copy would lose something.
        """
        from .definitions import expression

        made = expression(using, "`using`")
        return await self._change(
            lambda changes: changes.alter_column(
                table,
                name,
                schema,
                type=type,
                nullable=nullable,
                default=default,
                rename=rename,
                comment=comment,
                using=made.sql if made else None,
            )
        )

    async def drop_column(self, table: str, name: str, *, schema: str | None = None) -> None:
        """Drop a column, with the indexes and constraints it is part of."""
        await self._change(lambda changes: changes.drop_column(table, name, schema))

    async def create_index(
        self,
        table: str,
        columns: str | Sequence[str | TextClause],
        *,
        name: str | None = None,
        unique: bool = False,
        where: TextClause | Expression | None = None,
        method: str | None = None,
        concurrently: bool = False,
        schema: str | None = None,
    ) -> Index:
        """Create an index over columns, or expressions as `sqlalchemy.text("lower(name)")`.

        `method` (PostgreSQL) is "gin", "brin"…; `concurrently` (PostgreSQL) lets writers go on.
        """
        from .definitions import ansi, expression

        parts: list[Any] = [columns] if isinstance(columns, str) else list(columns)
        plain = [part for part in parts if isinstance(part, str)]
        made = Index(
            tuple(plain),
            unique,
            expression(where, "`where`"),
            method,
            ()
            if len(plain) == len(parts)
            else tuple(ansi(p) if isinstance(p, str) else Expression.of(p).sql for p in parts),
            name=name,
        )
        return await self._change(
            lambda changes: changes.create_index(table, made, schema, concurrently),
            alone=concurrently,
        )

    async def drop_index(
        self, name: str, *, concurrently: bool = False, schema: str | None = None
    ) -> None:
        """Drop an index."""
        await self._change(
            lambda changes: changes.drop_index(name, schema, concurrently), alone=concurrently
        )

    async def enable_rls(
        self, table: str, *, force: bool = False, schema: str | None = None
    ) -> None:
        """Switch row security on: without a policy nobody but the owner sees a row.

        `force` makes it count for the table's owner too.
        """
        await self._secure(lambda rules: rules.switch(table, schema, on=True, force=force))

    async def disable_rls(self, table: str, *, schema: str | None = None) -> None:
        """Switch row security off; policies stay, without effect."""
        await self._secure(lambda rules: rules.switch(table, schema, on=False, force=False))

    async def create_policy(
        self,
        table: str,
        name: str,
        *,
        command: str = "ALL",
        using: TextClause | Expression | None = None,
        check: TextClause | Expression | None = None,
        roles: Sequence[str] = ("public",),
        permissive: bool = True,
        schema: str | None = None,
    ) -> Policy:
        """Create a policy: `using` picks the rows that are seen, `check` those to be written."""
        return await self._secure(
            lambda rules: rules.create(
                table,
                name,
                schema,
                command=command,
                using=using,
                check=check,
                roles=roles,
                permissive=permissive,
            )
        )

    async def alter_policy(
        self,
        table: str,
        name: str,
        *,
        using: TextClause | Expression | None = None,
        check: TextClause | Expression | None = None,
        roles: Sequence[str] = (),
        rename: str | None = None,
        schema: str | None = None,
    ) -> Policy:
        """Change a policy; what is not named stays as it is."""
        return await self._secure(
            lambda rules: rules.alter(
                table, name, schema, using=using, check=check, roles=roles, rename=rename
            )
        )

    async def drop_policy(self, table: str, name: str, *, schema: str | None = None) -> None:
        """Drop a policy."""
        await self._secure(lambda rules: rules.drop(table, name, schema))

    async def _change(self, work: Callable[[Changes], T], *, alone: bool = False) -> T:
        from .changes import Changes

        return await self._apply(Changes, work, alone)

    async def _secure(self, work: Callable[[Policies], T]) -> T:
        from .policies import Policies

        return await self._apply(Policies, work, alone=False)

    async def _apply(self, kind: Any, work: Callable[[Any], T], alone: bool) -> T:
        self._refuse_inside_transaction("a change of the schema")
        driver = self._database.engine and self._database.driver
        # In a thread, to its end: half a copied table is nothing to be cancelled in.
        with self._database.explained():
            return await anyio.to_thread.run_sync(_locked, driver, kind, work, alone)

    def _refuse_inside_transaction(self, what: str) -> None:
        raise NotImplementedError


def _locked(driver: Any, kind: Any, work: Callable[[Any], T], alone: bool) -> T:
    engine = driver.migrator()
    try:
        if alone:
            if engine.dialect.name != "postgresql":
                from .reading import unsupported

                raise unsupported(engine.dialect.name, "way to build an index concurrently")
            # Outside of a transaction, as PostgreSQL wants it.
            with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                return work(kind(connection, driver.search))
        with engine.connect() as connection, connection.begin():
            driver.before_migrations(connection)
            if connection.dialect.name == "postgresql":
                connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{_LOCK_SECONDS}s'")
            elif connection.dialect.name in {"mysql", "mariadb"}:
                connection.exec_driver_sql(f"SET SESSION lock_wait_timeout = {_LOCK_SECONDS}")
            result = work(kind(connection, driver.search))
            driver.after_migrations(connection)
        return result
    except SQLAlchemyError as error:
        raise driver.explain(error) from error
    finally:
        engine.dispose()
