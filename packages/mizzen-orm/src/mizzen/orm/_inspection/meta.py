"""`db.meta`: what is in the database, and changing it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from .._connections import sessions
from .._errors import ConfigurationError
from .alterations import Alterations
from .catalog import (
    Column,
    Enumeration,
    Extension,
    ForeignKey,
    Function,
    Index,
    Policy,
    PrimaryKey,
    Size,
    Table,
    Unique,
)
from .generation import Generation
from .reading import Reader, reader_for

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import timedelta

    from .catalog import Check
    from .result import QueryResult

T = TypeVar("T")


class Meta(Alterations, Generation):
    """The catalogue of one database; every call asks the database anew.

    A table is named as the database has it; `schema` is the default one (PostgreSQL "public",
    SQLite "main", MariaDB the database itself) unless told. Names that nothing has raise
    `NotFound`, and what a kind of database does not have raises `ConfigurationError`.
    """

    async def version(self) -> str:
        """Return the name and version of the database: "PostgreSQL 17.2"."""
        return await self._read(lambda reader: reader.version())

    async def schemas(self) -> list[str]:
        """Return the names of the schemas."""
        return await self._read(lambda reader: reader.schemas())

    async def tables(self, schema: str | None = None) -> list[Table]:
        """Return the tables and views of a schema, in the order of their names.

        The tables that a search index keeps for itself are among them, and that of migrations.
        """
        return await self._read(lambda reader: reader.tables(schema))

    async def table(self, name: str, *, schema: str | None = None) -> Table:
        """Return one table or view."""
        return await self._read(lambda reader: reader.table(name, schema))

    async def views(self, schema: str | None = None) -> list[Table]:
        """Return the views of a schema, with their `definition`."""
        return [table for table in await self.tables(schema) if table.kind.endswith("view")]

    async def columns(self, table: str | None = None, *, schema: str | None = None) -> list[Column]:
        """Return the columns of a table, or of all; `column.table` says whose they are."""
        return [part for found in await self._some(table, schema) for part in found.columns]

    async def indexes(self, table: str | None = None, *, schema: str | None = None) -> list[Index]:
        """Return the indexes of a table, or of all, without those of constraints."""
        return [part for found in await self._some(table, schema) for part in found.indexes]

    async def constraints(
        self, table: str | None = None, *, schema: str | None = None
    ) -> list[PrimaryKey | Unique | Check | ForeignKey]:
        """Return the constraints of a table, or of all."""
        return [part for found in await self._some(table, schema) for part in found.constraints]

    async def foreign_keys(
        self, table: str | None = None, *, schema: str | None = None
    ) -> list[ForeignKey]:
        """Return the references from a table, or from all."""
        return [part for found in await self._some(table, schema) for part in found.foreign_keys]

    async def policies(
        self, table: str | None = None, *, schema: str | None = None
    ) -> list[Policy]:
        """Return the row security policies of a table, or of all; PostgreSQL only."""

        def read(reader: Reader) -> list[Policy]:
            reader.require_policies()
            found = reader.tables(schema) if table is None else [reader.table(table, schema)]
            return [policy for each in found for policy in each.policies]

        return await self._read(read)

    async def sizes(self, schema: str | None = None) -> list[Size]:
        """Return what each table takes on disk, the largest first."""

        def read(reader: Reader) -> list[Size]:
            sizes = reader.sizes(schema or reader.default_schema)
            found = [
                _size(table, *sizes.get(table.name, (None, None)))
                for table in reader.tables(schema)
                if table.kind != "view"
            ]
            return sorted(found, key=lambda size: (-(size.total_bytes or 0), size.table))

        return await self._read(read)

    async def functions(self, schema: str | None = None) -> list[Function]:
        """Return the stored functions and procedures of a schema; not on SQLite."""
        return await self._read(lambda reader: reader.functions(schema or reader.default_schema))

    async def extensions(self) -> list[Extension]:
        """Return the installed extensions; PostgreSQL only."""
        return await self._read(lambda reader: reader.extensions())

    async def enums(self, schema: str | None = None) -> list[Enumeration]:
        """Return the named enum types of a schema; PostgreSQL only."""
        return await self._read(lambda reader: reader.enums(schema or reader.default_schema))

    async def execute(
        self,
        sql: str,
        *parameters: Any,
        write: bool = False,
        limit: int = 1000,
        timeout: float | timedelta | str = "10s",  # noqa: ASYNC109  (the database enforces it)
    ) -> QueryResult:
        """Execute exactly one statement; unless `write`, the database itself refuses all writes.

        Values are bound: `:name` with one mapping, or `:1`, `:2` with values in order; without
        values the statement is sent as it is. At most `limit` rows come back. A statement that
        takes longer than `timeout` is stopped, and raises `Busy`; a write in a read `ReadOnly`.
        `write=True` runs in a transaction of its own, committed at the end.
        """
        from .._units import seconds
        from . import execute

        if limit < 1:
            raise ConfigurationError(f"limit={limit}: at least one row has to be asked for.")
        if write:
            self._refuse_inside_transaction("a statement that writes")
        running = execute.Running()
        database = self._database
        assert database.engine  # noqa: S101  (raises unless the database is open)
        driver = database.driver

        def work() -> QueryResult:
            return execute.execute(
                driver,
                running,
                sql,
                parameters,
                write=write,
                limit=limit,
                timeout=seconds(timeout),
            )

        with database.explained():
            return await execute.stoppable(work, running)

    def __repr__(self) -> str:
        return f"<mizzen.orm.Meta of {self._database.url}>"

    async def _some(self, table: str | None, schema: str | None) -> list[Table]:
        if table is None:
            return await self.tables(schema)
        return [await self.table(table, schema=schema)]

    async def _read(self, work: Callable[[Reader], T]) -> T:
        with self._database.explained():
            async with self._database.reader.connect() as connection:
                return await connection.run_sync(lambda inner: work(reader_for(inner)))

    def _refuse_inside_transaction(self, what: str) -> None:
        frame = sessions.ambient(self._database)
        if frame is not None and frame.writes:
            raise ConfigurationError(
                f"{what} has a transaction of its own, which would wait for the one around it: "
                "call it outside of `async with db.transaction()`."
            )


def _size(table: Table, size: int | None, indexes: int | None) -> Size:
    total = None if size is None else size + (indexes or 0)
    return Size(table.name, table.schema, table.rows_estimate, size, indexes, total)
