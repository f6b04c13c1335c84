"""Running one step: in a transaction with its bookkeeping, again when a table was busy."""

from __future__ import annotations

import random
import time
import traceback
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from alembic.operations import Operations
from sqlalchemy.exc import SQLAlchemyError

from .._errors import Busy, MigrationFailed, OrmError
from . import bookkeeping, copied_tables, data_steps, locks, piecewise
from .context import open_context

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection

    from ..abc import Driver
    from .files import History, Step

UP, DOWN = ("upgrade", "upgrade_data"), ("downgrade_data", "downgrade")
_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 10.0


@dataclass(frozen=True)
class Patience:
    """How long a statement waits for a lock, how often that is tried, how long others migrate."""

    lock_timeout: float = 5.0
    tries: int = 5
    wait: float = 600.0

    def pause(self, attempt: int) -> None:
        """Sleep, longer after each attempt, so that what waited behind the step gets its turn."""
        time.sleep(min(_LONGEST_PAUSE, _FIRST_PAUSE * 2**attempt) * random.uniform(0.5, 1))  # noqa: S311


class Runner:
    """Applies steps and takes them back, on one connection."""

    def __init__(
        self, connection: Connection, driver: Driver, history: History, patience: Patience
    ) -> None:
        self.connection, self.driver = connection, driver
        self._history, self.patience = history, patience

    def run(self, step: Step, *, up: bool) -> bool:
        """Apply *step*, or take it back; False when another process had done so already."""
        if not up:
            data_steps.refuse_unless_reversible(step)
        for attempt in range(self.patience.tries):
            try:
                return self._once(step, up)
            except OrmError:
                raise
            except Exception as error:
                # A migration is the user's code and may raise anything.
                last = attempt + 1 == self.patience.tries
                if self._atomic(step) and locks.is_busy(error) and not last:
                    self.patience.pause(attempt)
                    continue
                raise self._failed(step, error) from error
        return False

    def _once(self, step: Step, up: bool) -> bool:
        if not self._atomic(step):
            return piecewise.run(self, step, up)
        with self.connection.begin():
            self.before()
            if not self.wanted(step, up):
                return False
            locks.set_timeout(self.connection, self.patience.lock_timeout, local=True)
            self.call(step, *(UP if up else DOWN))
            self.finish(step, up)
        return True

    def _atomic(self, step: Step) -> bool:
        # SQLite has nothing that needs to run outside of a transaction.
        kind = locks.kind(self.connection)
        rolls_back = locks.rolls_back_schema(self.connection)
        return kind == "sqlite" or (rolls_back and step.transactional)

    def before(self) -> None:
        """Begin: wait for the turn, and see that there is a table for the bookkeeping."""
        self.driver.before_migrations(self.connection)
        bookkeeping.prepare(self.connection, self._history)

    def wanted(self, step: Step, up: bool) -> bool:
        """Return whether *step* is still to be done."""
        row = bookkeeping.applied(self.connection, self._history).get(step.revision)
        return (row is None or row.state != "applied") if up else row is not None

    def call(self, step: Step, *names: str) -> None:
        """Run the functions of *step* that have these names, in this order."""
        search = self.driver.search
        before = search.present(self.connection)
        context = open_context(self.connection, search)
        done = set(bookkeeping.rows(self.connection))
        with Operations.context(context):
            for name, function in self._functions(step, names, done):
                if name.endswith("_data"):
                    data_steps.run(self.connection, function)
                else:
                    function()
        copied_tables.restore(context)
        search.repair(self.connection, before)

    def finish(self, step: Step, up: bool) -> None:
        """Write the bookkeeping of a step that is done, and see that the data fit the schema."""
        if up:
            bookkeeping.record(self.connection, step)
        else:
            bookkeeping.forget(self.connection, step)
        self.driver.after_migrations(self.connection)

    def _functions(
        self, step: Step, names: tuple[str, ...], done: set[str]
    ) -> list[tuple[str, Callable[..., Any]]]:
        # A database that has some of the steps that were squashed gets the others.
        up = names[0] in UP
        return [
            (name, functions[name])
            for revision, functions in (step.parts if up else reversed(step.parts))
            if not (up and revision in done and revision != step.revision)
            for name in names
            if name in functions
        ]

    def _failed(self, step: Step, error: Exception) -> OrmError:
        said: object = error
        if isinstance(error, SQLAlchemyError):
            said = self.driver.explain(error)
        where = f"{self._history.folder}: {_line(step, error)}"
        if locks.is_busy(error):
            return Busy(
                f"{where} waited {self.patience.lock_timeout:g} s for a lock, "
                f"{self.patience.tries} times: another transaction holds the table. Nothing of "
                f"this step was changed; end that transaction, or try at a quieter time ({said})"
            )
        return MigrationFailed(
            f"{where} failed, and nothing of this step was changed; those before it stay: {said}"
        )


def _line(step: Step, error: BaseException) -> str:
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if frame.filename == str(step.path):
            return f"{step.path.name} line {frame.lineno}"
    return step.path.name
