"""Migrations: plain Python files in a folder, made from the models, applied in order.

Alembic does the work. All steps of one `up()` or `down()` run in one transaction, schema and
bookkeeping together: a process killed in the middle leaves the database as it was.
"""

from __future__ import annotations

import re
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import anyio.to_thread
from sqlalchemy.exc import SQLAlchemyError

from . import _alembic
from ._errors import MigrationFailed, OrmError

if TYPE_CHECKING:
    from collections.abc import Callable

    from alembic.script import Script, ScriptDirectory
    from sqlalchemy import Connection

    from ._database import Database

T = TypeVar("T")

# Alembic works through module globals, so one process runs one migration at a time.
_one_at_a_time = threading.Lock()

_FILE = '''\
"""{message}

Made {made:%Y-%m-%d %H:%M} UTC, after {after}.
"""

import sqlalchemy as sa
from alembic import op
{imports}
revision = "{revision}"
down_revision = {previous!r}


def upgrade() -> None:
    """Bring the schema forward."""
{upgrade}


def downgrade() -> None:
    """Take the schema back."""
{downgrade}
'''


class Migration(NamedTuple):
    """One file of the folder, and whether this database has it."""

    revision: str
    message: str
    path: Path
    applied: bool


class Migrations:
    """The migrations in one folder, for one database."""

    def __init__(self, database: Database, folder: str | Path) -> None:
        self._database = database
        self._folder = Path(folder)

    async def make(self, message: str, *, empty: bool = False) -> Path | None:
        """Write a migration from what the models say and the database lacks; None if nothing.

        Tables that belong to no model are left alone. `empty=True` writes a file to fill by hand.
        """
        return await self._run(lambda connection: self._make(connection, message, empty))

    async def up(self, steps: int | None = None) -> list[Migration]:
        """Apply what is missing (at most *steps*), and return it; also in several processes."""
        return await self._run(lambda connection: self._up(connection, steps))

    async def down(self, steps: int | None = 1) -> list[Migration]:
        """Take the last migrations back (None: every one), and return them, the last first."""
        return await self._run(lambda connection: self._down(connection, steps))

    async def status(self) -> list[Migration]:
        """Return every migration, in order."""
        return await self._run(self._status)

    async def changes(self) -> list[str]:
        """Return what the models say and the database lacks, one line each."""
        return await self._run(lambda connection: _alembic.differences(self._context(connection)))

    def __repr__(self) -> str:
        return f"<mizzen.orm.Migrations {self._folder} of {self._database.url}>"

    async def _run(self, work: Callable[[Connection], T]) -> T:
        # In a thread: Alembic reads files and imports them, and is not to be cancelled midway.
        driver = self._database.engine and self._database.driver
        return await anyio.to_thread.run_sync(self._locked, driver, work)

    def _locked(self, driver: Any, work: Callable[[Connection], T]) -> T:
        with _one_at_a_time:
            engine = driver.migrator()
            try:
                with engine.connect() as connection, connection.begin():
                    driver.before_migrations(connection)
                    result = work(connection)
                    driver.after_migrations(connection)
                return result
            except _alembic.CommandError as error:
                raise MigrationFailed(f"{self._folder}: {error}") from error
            except (SQLAlchemyError, OSError) as error:
                raise driver.explain(error) from error
            finally:
                engine.dispose()

    def _make(self, connection: Connection, message: str, empty: bool) -> Path | None:
        scripts = self._scripts(create=True)
        pending = [found.revision for found in self._status(connection) if not found.applied]
        if pending:
            raise MigrationFailed(
                f"{self._folder} holds migrations that this database lacks "
                f"({', '.join(pending)}): apply them with `up()` first."
            )
        upgrade, downgrade = "    pass", "    pass"
        if not empty:
            upgrade, downgrade = _alembic.write(self._context(connection))
            if upgrade.strip() == "pass":
                return None
        made = datetime.now(UTC).replace(microsecond=0)
        taken = {script.revision for script in scripts.walk_revisions()}
        while (revision := f"{made:%Y%m%d%H%M%S}") in taken:
            made += timedelta(seconds=1)
        previous = scripts.get_current_head()
        name = re.sub(r"\W+", "_", message.lower()).strip("_")[:60] or "migration"
        path = self._folder / f"{revision}_{name}.py"
        content = _FILE.format(
            message=message.replace("\\", "").replace('"""', "'''"),
            made=made,
            after=previous or "nothing",
            imports=_alembic.imports(upgrade + downgrade),
            revision=revision,
            previous=previous,
            upgrade=upgrade,
            downgrade=downgrade,
        )
        path.write_text(content, encoding="utf-8")
        return path

    def _up(self, connection: Connection, steps: int | None) -> list[Migration]:
        missing = [found for found in self._status(connection) if not found.applied][:steps]
        if missing:
            self._apply(connection, missing[-1].revision, up=True)
        return [found._replace(applied=True) for found in missing]

    def _down(self, connection: Connection, steps: int | None) -> list[Migration]:
        applied = [found for found in self._status(connection) if found.applied]
        stay = 0 if steps is None else max(0, len(applied) - steps)
        if gone := applied[stay:]:
            self._apply(connection, applied[stay - 1].revision if stay else "base", up=False)
        return [found._replace(applied=False) for found in reversed(gone)]

    def _apply(self, connection: Connection, target: str, *, up: bool) -> None:
        try:
            _alembic.run(connection, self._scripts(), self._database.driver.search, target, up=up)
        except (_alembic.CommandError, OrmError):
            raise
        except Exception as error:
            # A migration is the user's code and may raise anything.
            said = (
                self._database.driver.explain(error)
                if isinstance(error, SQLAlchemyError)
                else error
            )
            raise MigrationFailed(
                f"{self._folder}: {_alembic.step_of(error)} failed, and nothing was changed: {said}"
            ) from error

    def _status(self, connection: Connection) -> list[Migration]:
        scripts = self._scripts()
        have = _alembic.applied(connection, scripts)
        return [_migration(script, have) for script in reversed(list(scripts.walk_revisions()))]

    def _scripts(self, *, create: bool = False) -> ScriptDirectory:
        if create:
            self._folder.mkdir(parents=True, exist_ok=True)
        if not self._folder.is_dir():
            raise MigrationFailed(
                f"there is no folder {self._folder}: `await migrations.make(...)` makes it."
            )
        return _alembic.scripts(self._folder)

    def _context(self, connection: Connection) -> Any:
        return _alembic.context(connection, self._database.driver.search)


def _migration(script: Script, have: set[str]) -> Migration:
    message = (script.doc or "").partition("\n")[0]
    return Migration(script.revision, message, Path(script.path), script.revision in have)
