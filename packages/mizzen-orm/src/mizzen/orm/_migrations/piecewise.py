"""Steps that no transaction takes back: MySQL's, and those marked `transactional = False`.

Each statement is noted before it runs, so that a step that stopped midway is reported with the
place where it stopped, and never applied twice in silence.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sqlalchemy import event
from sqlalchemy.exc import SQLAlchemyError

from .._errors import MigrationFailed
from . import bookkeeping, locks

if TYPE_CHECKING:
    from collections.abc import Generator

    from sqlalchemy import Connection

    from .files import Step
    from .runner import Runner


_READS = ("SELECT", "SHOW", "DESCRIBE", "EXPLAIN", "PRAGMA", "SET ")


def run(runner: Runner, step: Step, up: bool) -> bool:
    """Apply *step* or take it back, statement by statement."""
    connection = runner.connection
    with connection.begin():
        runner.before()
        if not runner.wanted(step, up):
            return False
        row = bookkeeping.rows(connection).get(step.revision)
        if row is not None and row.state != "applied" and not step.restartable:
            raise MigrationFailed(stopped(step, row.progress))
        bookkeeping.record(connection, step, "up" if up else "down", "0 nothing yet")
    progress = Progress(runner, step)
    schema, data = ("upgrade", "upgrade_data") if up else ("downgrade", "downgrade_data")
    try:
        if not step.transactional or step.replaces:
            with progress.watched():
                runner.call(step, *((schema, data) if up else (data, schema)))
            with connection.begin():
                runner.finish(step, up)
        elif up:
            with progress.watched():
                runner.call(step, schema)
            with connection.begin():
                runner.call(step, data)
                runner.finish(step, up)
        else:
            with connection.begin():
                runner.call(step, data)
            with progress.watched():
                runner.call(step, schema)
            with connection.begin():
                runner.finish(step, up)
    except Exception as error:
        _after_failure(runner, step, progress, up, error)
        raise
    return True


def stopped(step: Step, progress: str) -> str:
    """Say what to do about a step that stopped midway."""
    number, _, statement = progress.partition(" ")
    hint = (
        " A concurrent index that did not come to its end is left invalid: drop it first."
        if "CONCURRENTLY" in statement.upper()
        else ""
    )
    return (
        f"{step.path.name} stopped at its statement {number} ({statement}), and this database "
        "can't take back what came before. See whether that statement was done. Then finish the "
        f'step by hand and call `await migrations.resolve("{step.revision}", applied=True)`, or '
        f'undo it by hand and call `resolve("{step.revision}", applied=False)`. A step that may '
        f"simply run again says `restartable = True`.{hint}"
    )


class Progress:
    """Counts the statements of a step, and writes each down before it runs."""

    def __init__(self, runner: Runner, step: Step) -> None:
        self._runner, self._step = runner, step
        self._noting = False
        self.count = 0
        self.statement = ""

    @contextmanager
    def watched(self) -> Generator[None]:
        """Run each statement in the block by itself, noted."""
        connection = self._runner.connection
        level = connection.get_isolation_level()
        connection.rollback()  # asking for the level began a transaction
        connection.execution_options(isolation_level="AUTOCOMMIT")
        engine = connection.engine
        event.listen(engine, "before_cursor_execute", self._note)
        event.listen(engine, "do_execute", self._patiently)
        try:
            yield
        finally:
            event.remove(engine, "before_cursor_execute", self._note)
            event.remove(engine, "do_execute", self._patiently)
            if not connection.invalidated and not connection.closed:
                connection.rollback()
                connection.execution_options(isolation_level=level)

    def _note(self, connection: Connection, _cursor: Any, statement: str, *_more: Any) -> None:
        if self._noting or _only_reads(statement):
            return
        self._noting = True
        try:
            self.count += 1
            self.statement = " ".join(statement.split())[:500]
            bookkeeping.note(connection, self._step, f"{self.count} {self.statement}")
            # These wait for old transactions without holding anybody up.
            quiet = "CONCURRENTLY" in statement.upper()
            seconds = 0.0 if quiet else self._runner.patience.lock_timeout
            locks.set_timeout(connection, seconds, local=False)
        finally:
            self._noting = False

    def _patiently(self, cursor: Any, statement: str, parameters: Any, _context: Any) -> bool:
        # Only this statement is tried again: those before it are done.
        for attempt in range(self._runner.patience.tries - 1):
            try:
                cursor.execute(statement, parameters)
            except Exception as error:
                if not locks.is_busy(error):
                    raise
                self._runner.patience.pause(attempt)
            else:
                return True
        return False


def _only_reads(statement: str) -> bool:
    return statement.lstrip(" (\n").upper().startswith(_READS)


def _after_failure(
    runner: Runner, step: Step, progress: Progress, up: bool, error: Exception
) -> None:
    connection = runner.connection
    if connection.invalidated or connection.closed:
        return  # what was noted stays, and says where it stopped
    left = "CONCURRENTLY" in progress.statement.upper() and "CREATE" in progress.statement.upper()
    if progress.count > 1 or left:
        raise MigrationFailed(
            f"{stopped(step, f'{progress.count} {progress.statement}')} "
            f"What went wrong: {_said(runner, error)}"
        ) from error
    with connection.begin():
        if up:
            bookkeeping.forget(connection, step)
        else:
            bookkeeping.record(connection, step)


def _said(runner: Runner, error: Exception) -> object:
    return runner.driver.explain(error) if isinstance(error, SQLAlchemyError) else error
