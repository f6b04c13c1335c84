"""The direct way of a database that has replicas: each statement to the one that shall run it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy.exc import SQLAlchemyError

from .direct import Straight

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .direct import Answer, Prepared
    from .replicas import Replica, Replicas


class Route(Straight):
    """Reads go to one replica (or, when it is lost, to another), writes to the primary.

    It shares the primary's compiler and plans: replicas speak the same SQL.
    """

    def __init__(
        self,
        replicas: Replicas,
        primary: Straight,
        replica: Replica | None,
        remember: Callable[[], None],
    ) -> None:
        self.compiler, self.shapes = primary.compiler, primary.shapes
        self._replicas, self._primary, self._replica = replicas, primary, replica
        self._remember = remember
        self.watch = None  # what runs is observed where it runs

    async def read(self, statement: Prepared) -> Answer:
        """Run a SELECT; raises SQLAlchemy's errors."""
        first = self._replica
        if first is not None:
            others = (each for each in self._replicas.all if each is not first)
            for replica in (first, *others):
                if not replica.up or replica.straight is None:
                    continue
                try:
                    return await replica.straight.read(statement)
                except (SQLAlchemyError, OSError) as error:
                    if not self._replicas.passes_on(replica, error):
                        raise
        return await self._primary.read(statement)

    async def write(self, statement: Prepared) -> Answer:
        """Run one change and commit it; raises SQLAlchemy's errors."""
        try:
            return await self._primary.write(statement)
        finally:
            self._remember()

    async def write_all(self, statements: Sequence[Prepared]) -> list[Answer]:
        """Run changes in one transaction; raises SQLAlchemy's errors."""
        try:
            return await self._primary.write_all(statements)
        finally:
            self._remember()
