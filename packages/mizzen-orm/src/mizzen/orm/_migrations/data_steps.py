"""Data steps: `upgrade_data(connection)` and `downgrade_data(connection)` of a migration.

A plain function gets SQLAlchemy's Connection. A coroutine gets an `AsyncData` over the same one, in
an event loop of its own: it may await other services, and its statements stay in the step's
transaction.
"""

from __future__ import annotations

import asyncio
import inspect
from typing import TYPE_CHECKING, Any, TypeVar

from .._errors import MigrationFailed

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection, CursorResult

    from .files import Step

T = TypeVar("T")


class AsyncData:
    """The step's connection, to await."""

    def __init__(self, connection: Connection) -> None:
        self.sync_connection = connection

    async def execute(self, statement: Any, parameters: Any = None) -> CursorResult[Any]:
        """Execute a statement; the result is buffered by the driver, and read without await."""
        return self.sync_connection.execute(statement, parameters)

    async def scalar(self, statement: Any, parameters: Any = None) -> Any:
        """Execute, and return the first column of the first row."""
        return self.sync_connection.scalar(statement, parameters)

    async def run_sync(self, work: Callable[..., T], *arguments: Any) -> T:
        """Call `work(connection, *arguments)` with SQLAlchemy's Connection."""
        return work(self.sync_connection, *arguments)


def run(connection: Connection, function: Callable[..., Any]) -> None:
    """Run a data step to its end."""
    if inspect.iscoroutinefunction(function):
        # In the migration's own thread, where no loop runs.
        asyncio.run(function(AsyncData(connection)))
    else:
        function(connection)


def refuse_unless_reversible(step: Step) -> None:
    """Raise `MigrationFailed` when *step* can't be taken back."""
    if step.irreversible is not None:
        raise MigrationFailed(
            f"{step.path.name} can't be taken back: {step.irreversible}. Restore a backup, or "
            "write a new migration that goes forward."
        )
    for _, functions in step.parts:
        for up, down in (("upgrade", "downgrade"), ("upgrade_data", "downgrade_data")):
            if up in functions and down not in functions:
                raise MigrationFailed(
                    f"{step.path.name} has `{up}` but no `{down}`: write it (also when it does "
                    'nothing), or say `irreversible = "why"`.'
                )
