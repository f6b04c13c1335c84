"""Going up and down: which steps, in which order, each on its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._errors import MigrationFailed
from . import bookkeeping, files, locks, piecewise
from .runner import Patience, Runner

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy import Connection

    from ..abc import Driver
    from .files import History, Step


class Moves:
    """Moves one database along the steps of a folder."""

    def __init__(
        self, connection: Connection, driver: Driver, folder: Path, patience: Patience
    ) -> None:
        self._connection, self._driver = connection, driver
        self._folder, self._patience = folder, patience

    def up(self, steps: int | None, to: str | None) -> list[Step]:
        """Apply what is missing; return what this call has applied."""
        history = files.read(self._folder)
        history.one_head()
        with locks.only_migrator(self._connection, self._patience.wait):
            self._take_over(history)
            missing = pending(history, self._have(history), to)[:steps]
            return self._run(history, missing, up=True)

    def down(self, steps: int | None, to: str | None) -> list[Step]:
        """Take steps back, the last first; return them."""
        history = files.read(self._folder)
        with locks.only_migrator(self._connection, self._patience.wait):
            return self._run(history, self._to_take_back(history, steps, to), up=False)

    def redo(self, steps: int) -> list[Step]:
        """Take the last steps back and apply them again."""
        history = files.read(self._folder)
        with locks.only_migrator(self._connection, self._patience.wait):
            gone = self._run(history, self._to_take_back(history, steps, None), up=False)
            return self._run(history, list(reversed(gone)), up=True)

    def resolve(self, revision: str, *, applied: bool) -> Step:
        """Write down that a step that stopped midway was finished, or undone, by hand."""
        history = files.read(self._folder)
        step = history.find(revision)
        with (
            locks.only_migrator(self._connection, self._patience.wait),
            self._connection.begin(),
        ):
            self._driver.before_migrations(self._connection)
            row = bookkeeping.applied(self._connection, history).get(step.revision)
            if row is None or row.state == "applied":
                raise MigrationFailed(f"{step.path.name} has not stopped midway: see `status()`.")
            if applied:
                bookkeeping.record(self._connection, step)
            else:
                bookkeeping.forget(self._connection, step)
        return step

    def _run(self, history: History, wanted: list[Step], *, up: bool) -> list[Step]:
        runner = Runner(self._connection, self._driver, history, self._patience)
        return [step for step in wanted if runner.run(step, up=up)]

    def _take_over(self, history: History) -> None:
        with self._connection.begin():
            old = bookkeeping.is_old(self._connection)
        if old:
            with self._connection.begin():
                self._driver.before_migrations(self._connection)
                bookkeeping.prepare(self._connection, history)

    def _have(self, history: History) -> set[str]:
        with self._connection.begin():
            rows = bookkeeping.applied(self._connection, history)
        for step in history:
            row = rows.get(step.revision)
            if row is not None and row.state != "applied" and not step.restartable:
                raise MigrationFailed(piecewise.stopped(step, row.progress))
        return {revision for revision, row in rows.items() if row.state == "applied"}

    def _to_take_back(self, history: History, steps: int | None, to: str | None) -> list[Step]:
        return to_take_back(history, self._have(history), steps, to)


def pending(history: History, have: set[str], to: str | None) -> list[Step]:
    """Return the steps that are missing, those before *to* and it only, in order."""
    wanted = history.ancestors(history.find(to)) if to is not None else None
    return [
        step
        for step in history
        if step.revision not in have and (wanted is None or step.revision in wanted)
    ]


def to_take_back(history: History, have: set[str], steps: int | None, to: str | None) -> list[Step]:
    """Return the steps to take back, the last first: *steps*, or all that came after *to*."""
    applied = [step for step in history if step.revision in have]
    if to is None or to == "base":
        stay = 0 if steps is None or to == "base" else max(0, len(applied) - steps)
        return applied[stay:][::-1]
    target = history.find(to)
    if target.revision not in have:
        raise MigrationFailed(f"{target.path.name} is not applied: there is no way down to it.")
    needed = history.ancestors(target)
    return [step for step in applied if step.revision not in needed][::-1]
