"""Migrations: plain Python files in a folder, made from the models, applied in order.

Alembic compares and alters. Each step runs in one transaction, schema and bookkeeping together: a
process killed in the middle leaves the database as it was before that step, and the next `up()`
goes on there. MySQL can't take changes of the schema back: see `Migration.state`.
"""

from __future__ import annotations

import copy
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeVar

import anyio.to_thread
from alembic.util import CommandError
from sqlalchemy.exc import SQLAlchemyError

from .._errors import ConfigurationError, MigrationFailed
from .._models import known
from .._units import seconds
from . import bookkeeping, dry_run, files, making, piecewise, squash
from .lint.linter import lint
from .lint.rules import DIALECTS
from .moves import Moves
from .place import Place, migrated
from .runner import Patience
from .schemas import SchemaMigrations

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime, timedelta

    from sqlalchemy import Connection

    from .._database import Database
    from .files import Step
    from .lint.finding import Finding

T = TypeVar("T")

# Alembic works through module globals, so one process runs one migration at a time.
_one_at_a_time = threading.Lock()


class Migration(NamedTuple):
    """One file of the folder, and what this database has of it.

    `state` is "applied", "pending", "edited" (applied, and the file has changed since) or "stopped"
    (it broke off midway where nothing takes that back; `note` says what to do).
    """

    revision: str
    message: str
    path: Path
    applied: bool
    state: Literal["applied", "pending", "edited", "stopped"] = "pending"
    changed_at: datetime | None = None
    note: str = ""


class Migrations:
    """The migrations in one folder, for one database.

    `lock_timeout` bounds how long a statement waits for a busy table, so that nothing queues up
    behind it; it is tried `tries` times, with growing pauses. `wait` bounds the wait for another
    process that migrates. With *schema* (PostgreSQL) it is about that schema, which `up` makes when
    it is missing, and which has its own bookkeeping; *shared* schemas are looked into after it.
    """

    def __init__(
        self,
        database: Database,
        folder: str | Path,
        *,
        schema: str | None = None,
        shared: Iterable[str] = (),
        lock_timeout: float | timedelta | str = "5s",
        tries: int = 5,
        wait: float | timedelta | str = "10m",
    ) -> None:
        self._database = database
        self._folder = Path(folder)
        self._place = Place(schema, tuple(shared))
        self._patience = Patience(seconds(lock_timeout), max(1, tries), seconds(wait))

    def schemas(self, *names: str) -> SchemaMigrations:
        """Return the same migrations for several schemas, one after the other (PostgreSQL).

        Without *names*: every schema that was migrated before, but for the connection's own.
        """
        return SchemaMigrations(self, names)

    def in_schema(self, name: str) -> Migrations:
        """Return the same migrations for the schema *name* (PostgreSQL)."""
        found = copy.copy(self)
        found._place = self._place._replace(schema=name)
        return found

    async def migrated_schemas(self) -> list[str]:
        """Return every schema that was migrated before, but for the connection's own."""
        return await self._run(migrated)

    async def make(
        self,
        message: str,
        *,
        renames: Mapping[str, str] | None = None,
        drops: bool = False,
        empty: bool = False,
        data: bool = False,
    ) -> Path | None:
        """Write a migration from what the models say and the database lacks; None if nothing.

        *renames* maps `"table"`, `"table.column"` or `"table.column.enum_value"` to new names;
        without, one goes and another comes, and the file remarks on it. *drops* drops tables that
        these migrations made and no model has now; others are left alone. *empty* writes a file to
        fill by hand, *data* one that moves rows.
        """
        wish = making.Wish(message, renames or {}, drops, empty, data)
        return await self._run(lambda inner: making.make(inner, self._driver, self._folder, wish))

    async def merge(self, message: str = "merge") -> Path | None:
        """Write the file that joins branches, or None when there is one head."""
        return await anyio.to_thread.run_sync(making.merge, self._folder, message)

    async def up(self, steps: int | None = None, *, to: str | None = None) -> list[Migration]:
        """Apply what is missing (at most *steps*, or until *to*), and return what was applied here.

        Several processes may do so at once: each step is applied once.
        """
        if self._place.schema is not None:
            await self._run(lambda inner: self._place.create(inner, self._patience.wait))
        return await self._move(lambda moves: moves.up(steps, to), applied=True)

    async def down(self, steps: int | None = 1, *, to: str | None = None) -> list[Migration]:
        """Take the last migrations back (None or to="base": every one; else what came after *to*).

        Returns them, the last first. Raises `MigrationFailed` for one that is irreversible.
        """
        return await self._move(lambda moves: moves.down(steps, to), applied=False)

    async def redo(self, steps: int = 1) -> list[Migration]:
        """Take the last migrations back and apply them again."""
        return await self._move(lambda moves: moves.redo(steps), applied=True)

    async def status(self) -> list[Migration]:
        """Return every migration, in order."""
        return await self._run(self._status)

    async def history(self) -> list[Migration]:
        """Return what this database has, in the order in which it was applied."""
        found = [each for each in await self.status() if each.changed_at is not None]
        return sorted(found, key=lambda each: (each.changed_at, each.revision))

    async def changes(self) -> list[str]:
        """Return what the models say and the database lacks, one line each.

        A table that these migrations made and no model has now is named as an orphan.
        """
        return await self._run(lambda inner: making.changes(inner, self._driver, self._folder))

    async def squash(self, first: str, last: str, message: str = "squashed") -> Path:
        """Make one file of those from *first* to *last*, and delete these; returns the one.

        It keeps the revision of *last*: databases that have the old files, or some, go on with it.
        """
        return await anyio.to_thread.run_sync(squash.squash, self._folder, first, last, message)

    async def sql(
        self,
        direction: Literal["up", "down"] = "up",
        *,
        steps: int | None = None,
        to: str | None = None,
        dialect: str | None = None,
    ) -> str:
        """Return the SQL that `up` or `down` would send, and change nothing.

        With *dialect* ("postgresql", "mysql", "sqlite") no database is asked: every file is shown.
        Data functions are named, not run.
        """
        wish = dry_run.Wish(direction == "up", steps, to, self._patience.lock_timeout)
        if dialect is None:
            made = await self._run(lambda inner: dry_run.of_database(inner, self._folder, wish))
        else:
            made = await anyio.to_thread.run_sync(dry_run.of_files, dialect, self._folder, wish)
        return self._place.script(made)

    async def lint(
        self,
        *,
        dialect: str | None = None,
        pending: bool = False,
        big_tables: Iterable[str] | None = None,
    ) -> list[Finding]:
        """Return what the files (only the *pending* ones) would do to a database in use.

        *dialect* ("postgresql", "mysql", "sqlite") is this database's unless it is given.
        *big_tables* names the ones that are too large to be copied on SQLite (None: any may be).
        `# lint: allow rule-name because …` beside an operation allows it.
        """
        only = [each.revision for each in await self.status() if not each.applied]
        kind = dialect or self._database.engine.dialect.name
        if kind not in DIALECTS:
            raise ConfigurationError(f'the lint knows {", ".join(DIALECTS)}, not "{kind}".')

        def look() -> list[Finding]:
            with _one_at_a_time:
                return lint(
                    files.read(self._folder),
                    kind,
                    known.metadata(),
                    only=only if pending else None,
                    big_tables=big_tables,
                )

        return await anyio.to_thread.run_sync(look)

    async def resolve(self, revision: str, *, applied: bool) -> None:
        """Say of a step that stopped midway that it was finished (*applied*) or undone by hand."""
        await self._move(lambda moves: [moves.resolve(revision, applied=applied)], applied=applied)

    def __repr__(self) -> str:
        where = f", schema {self._place.schema}" if self._place.schema else ""
        return f"<mizzen.orm.Migrations {self._folder} of {self._database.url}{where}>"

    @property
    def _driver(self) -> Any:
        return self._database.driver

    async def _move(self, work: Callable[[Moves], list[Step]], *, applied: bool) -> list[Migration]:
        def moved(connection: Connection) -> list[Step]:
            return work(Moves(connection, self._driver, self._folder, self._patience))

        state: Literal["applied", "pending"] = "applied" if applied else "pending"
        return [
            Migration(step.revision, step.message, step.path, applied, state)
            for step in await self._run(moved)
        ]

    async def _run(self, work: Callable[[Connection], T]) -> T:
        # In a thread: files are read and run there, and a step is not to be cancelled midway.
        assert self._database.engine is not None  # noqa: S101  (raises when it is not open)
        return await anyio.to_thread.run_sync(self._locked, work)

    def _locked(self, work: Callable[[Connection], T]) -> T:
        with _one_at_a_time:
            engine = self._driver.migrator()
            try:
                self._place.enter(engine)
                with engine.connect() as connection:
                    return work(connection)
            except CommandError as error:
                raise MigrationFailed(f"{self._folder}: {error}") from error
            except (SQLAlchemyError, OSError) as error:
                raise self._driver.explain(error) from error
            finally:
                engine.dispose()

    def _status(self, connection: Connection) -> list[Migration]:
        history = files.read(self._folder)
        with connection.begin():
            rows = bookkeeping.applied(connection, history)
        return [_migration(step, rows.get(step.revision)) for step in history]


def _migration(step: Step, row: bookkeeping.Row | None) -> Migration:
    found = Migration(step.revision, step.message, step.path, applied=False)
    if row is None:
        return found
    if row.state != "applied":
        return found._replace(state="stopped", note=piecewise.stopped(step, row.progress))
    # Of a database brought over from an older layout no checksum is known.
    known = {"", step.checksum, step.replaces.get(step.revision, step.checksum)}
    edited = row.checksum not in known
    return found._replace(
        applied=True,
        state="edited" if edited else "applied",
        changed_at=row.changed_at,
        note="the file has changed since it was applied; changes belong in a new one"
        if edited
        else "",
    )
