"""The straight way where a driver has none of its own: single statements on SQLAlchemy's engines.

It is no faster than a session; what it gives is a driver's own values.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .direct import Answer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

    from .direct import Prepared


class EngineDirect:
    """Reads on one engine, writes on the other."""

    on_engines = True  # whose observers hear of each statement

    def __init__(self, reader: AsyncEngine, writer: AsyncEngine) -> None:
        self._reader, self._writer = reader, writer

    async def read(self, statement: Prepared) -> Answer:
        """Run a SELECT."""
        async with self._reader.connect() as connection:
            return await _run(connection, statement)

    async def write(self, statement: Prepared) -> Answer:
        """Run one statement and commit it."""
        return (await self.write_all([statement]))[0]

    async def write_all(self, statements: Sequence[Prepared]) -> list[Answer]:
        """Run several in one transaction, or none."""
        async with self._writer.begin() as connection:
            return [await _run(connection, statement) for statement in statements]

    async def close(self) -> None:
        """Leave the engines to who made them."""

    def busy(self) -> int:
        """Return 0: the engines count their own."""
        return 0

    def waited(self) -> float:
        """Return 0: the engines count their own."""
        return 0.0


async def _run(connection: AsyncConnection, statement: Prepared) -> Answer:
    given: Any = statement.parameters
    several: object = given
    if isinstance(several, list):  # SQLAlchemy would take it for many sets
        given = tuple(given)
    done: Any = await connection.exec_driver_sql(statement.sql, given or None)
    if not done.returns_rows:
        dialect: Any = connection.dialect
        number = done.lastrowid if dialect.postfetch_lastrowid else None
        return Answer([], (), done.rowcount, number=number)
    codes: Any = done.cursor.description
    return Answer([tuple(row) for row in done.fetchall()], codes, done.rowcount)
