"""`op.batches`: the rows of a large table, some at a time, for data steps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from alembic.operations import MigrateOperation, Operations
from sqlalchemy import MetaData, Table, select, text, tuple_

from .._errors import MigrationFailed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import Connection, Row, Select


@Operations.register_operation("batches")
class Batches(MigrateOperation):
    """Walk through a table by its primary key."""

    def __init__(self, table: str, size: int, columns: Sequence[str] | None, where: Any) -> None:
        self.table, self.size, self.columns, self.where = table, size, columns, where

    @classmethod
    def batches(
        cls,
        operations: Operations,
        table: str,
        *,
        size: int = 1000,
        columns: Sequence[str] | None = None,
        where: Any = None,
    ) -> Iterator[list[Row[Any]]]:
        """Yield lists of at most *size* rows, in the order of the primary key.

        Rows have the key and *columns* (None: all); *where* is SQL text or an expression. In a
        step with `transactional = False` each statement between two batches is committed at once:
        let *where* leave out what is done, say `restartable = True`, and the step may be repeated.
        """
        found: Iterator[list[Row[Any]]] = operations.invoke(cls(table, size, columns, where))
        return found


@Operations.implementation_for(Batches)
def _batches(operations: Operations, walk: Batches) -> Iterator[list[Row[Any]]]:
    if operations.get_context().as_sql:
        raise MigrationFailed("op.batches reads rows: it needs a database, not a dry run")
    return _walk(operations.get_bind(), walk)


def _walk(connection: Connection, walk: Batches) -> Iterator[list[Row[Any]]]:
    table = Table(walk.table, MetaData(), autoload_with=connection)
    key = list(table.primary_key.columns)
    if not key:
        raise MigrationFailed(f"op.batches goes by the primary key, and {walk.table} has none")
    names = dict.fromkeys([*(each.name for each in key), *(walk.columns or table.c.keys())])
    query: Select[Any] = select(*(table.c[name] for name in names)).order_by(*key).limit(walk.size)
    if walk.where is not None:
        query = query.where(text(walk.where) if isinstance(walk.where, str) else walk.where)
    rows: list[Row[Any]] = list(connection.execute(query))
    while rows:
        yield rows
        last: tuple[Any, ...] = tuple(rows[-1][: len(key)])
        after: Any = key[0] > last[0] if len(key) == 1 else tuple_(*key) > last
        rows = list(connection.execute(query.where(after)))
