"""Looking after an index: `await Gist.search.check()`, `rebuild()`, `optimize()`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._core import current

if TYPE_CHECKING:
    from .._core import Core
    from .backend import SearchCheck
    from .shape import SearchShape


class Maintenance:
    """What can be done for the index of a model; on the ambient database unless one is given."""

    @property
    def shape(self) -> SearchShape:
        """What the index is made of."""
        raise NotImplementedError

    async def rebuild(self, db: Core | None = None) -> None:
        """Build the index and its triggers anew from the table; writers wait meanwhile."""
        database = db or current()
        await _run(database, database.driver.search.create(self.shape))

    async def optimize(self, db: Core | None = None) -> None:
        """Make the index small and fast again, after many changes."""
        database = db or current()
        await _run(database, database.driver.search.optimize(self.shape))

    async def check(self, db: Core | None = None) -> SearchCheck:
        """Compare the index with its table, word for word; writers wait meanwhile.

        Reads every row: minutes for millions. `rebuild()` mends whatever is found.
        """
        database = db or current()
        async with database.transaction() as session:
            connection = await session.connection()
            with database.explained():
                return await connection.run_sync(database.driver.search.check, self.shape)


async def _run(database: Core, statements: list[str]) -> None:
    async with database.transaction() as session:
        connection = await session.connection()
        with database.explained():
            for statement in statements:
                await connection.exec_driver_sql(statement)
