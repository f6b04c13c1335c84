"""Alembic, met in one place: comparing, writing, applying."""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING, Any

from alembic.autogenerate import produce_migrations, render_python_code
from alembic.config import Config
from alembic.operations import ops
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Enum as SQLEnum
from sqlalchemy import TypeDecorator, false, text, true

from . import _known
from ._schema import wanted_indexes
from ._search_operations import CreateSearchIndex, DropSearchIndex

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy import Column, Connection

    from .abc import SearchBackend

__all__ = ["CommandError", "applied", "context", "differences", "run", "scripts", "step_of", "write"]

VERSION_TABLE = "mizzen_migration"


def scripts(folder: Path) -> ScriptDirectory:
    """Return the migrations in *folder*."""
    return ScriptDirectory(str(folder), version_locations=[str(folder)])


def context(connection: Connection, search: SearchBackend) -> MigrationContext:
    """Return Alembic's view of the database."""
    return MigrationContext.configure(
        connection,
        opts={
            "version_table": VERSION_TABLE,
            "target_metadata": _known.metadata,
            "include_name": _is_ours,
            "compare_type": True,
            "mizzen_search": search,
        },
    )


def applied(connection: Connection, folder: ScriptDirectory) -> set[str]:
    """Return the revisions that the database has."""
    heads = MigrationContext.configure(
        connection, opts={"version_table": VERSION_TABLE}
    ).get_current_heads()
    have = folder.revision_map.iterate_revisions(heads, "base", inclusive=True) if heads else ()
    return {script.revision for script in have if script is not None}


def differences(view: MigrationContext) -> list[str]:
    """Return what the models say and the database lacks, one line each."""
    upgrade, _ = _operations(view)
    return [
        ", ".join(str(part) for part in change) if isinstance(change, tuple) else str(change)
        for change in upgrade.as_diffs()
    ]


def write(view: MigrationContext) -> tuple[str, str]:
    """Return the bodies of `upgrade` and `downgrade`."""
    upgrade, downgrade = (
        render_python_code(
            operations,
            # SQLite can't alter most things in place; a batch copies the table when it has to.
            render_as_batch=view.dialect.name == "sqlite",
            render_item=_plain_type,
            migration_context=view,
        )
        for operations in _operations(view)
    )
    return _body(upgrade), _body(downgrade)


def run(
    connection: Connection,
    folder: ScriptDirectory,
    search: SearchBackend,
    target: str,
    *,
    up: bool,
) -> None:
    """Apply or take back revisions until *target*, in the connection's transaction."""
    before = search.present(connection)

    def repair(**_step: Any) -> None:
        nonlocal before
        search.repair(connection, before)
        before = search.present(connection)

    def steps(revision: Any, _context: MigrationContext) -> Any:
        move = folder._upgrade_revs if up else folder._downgrade_revs
        return move(target, revision)

    with EnvironmentContext(Config(), folder, fn=steps) as environment:
        environment.configure(
            connection,
            target_metadata=_known.metadata,
            version_table=VERSION_TABLE,
            on_version_apply=repair,
            mizzen_search=search,
        )
        environment.run_migrations()


def step_of(error: BaseException) -> str:
    """Return the file and line of the migration that raised *error*."""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if frame.name in {"upgrade", "downgrade"}:
            return f"{frame.filename.rpartition('/')[2]} line {frame.lineno}"
    return "a migration"


def _operations(view: MigrationContext) -> tuple[ops.UpgradeOps, ops.DowngradeOps]:
    script = produce_migrations(view, _known.metadata)
    upgrade, downgrade = script.upgrade_ops, script.downgrade_ops
    assert upgrade is not None  # noqa: S101  (always made above)
    assert downgrade is not None  # noqa: S101
    for change in upgrade.ops:
        for part in change.ops if isinstance(change, ops.ModifyTableOps) else ():
            if isinstance(part, ops.AddColumnOp):
                _default_for_rows(part.column)
    _search_changes(view, upgrade, downgrade)
    return upgrade, downgrade


def _search_changes(
    view: MigrationContext, upgrade: ops.UpgradeOps, downgrade: ops.DowngradeOps
) -> None:
    assert view.connection is not None  # noqa: S101  (configured with one)
    present = view.opts["mizzen_search"].present(view.connection)
    wanted = wanted_indexes()
    for table in sorted({*wanted, *present} & set(_known.metadata.tables)):
        old, new = present.get(table), wanted.get(table)
        if old == new:
            continue
        # An index goes before its table changes and comes after, in both directions.
        if old is not None:
            upgrade.ops.insert(0, DropSearchIndex(table))
            downgrade.ops.append(CreateSearchIndex(old))
        if new is not None:
            upgrade.ops.append(CreateSearchIndex(new))
            downgrade.ops.insert(0, DropSearchIndex(table))


def _default_for_rows(column: Column[Any]) -> None:
    # A new column that must not be null needs a value for the rows that are there already.
    default = column.default
    if column.nullable or column.server_default is not None or default is None:
        return
    value = getattr(default, "arg", None)
    if isinstance(column.type, SQLEnum):
        value = getattr(value, "name", value)
    if isinstance(value, bool):
        column.server_default = _server_default(true() if value else false())
    elif isinstance(value, int | float):
        column.server_default = _server_default(text(repr(value)))
    elif isinstance(value, str):
        column.server_default = _server_default(value)


def _server_default(value: Any) -> Any:
    from sqlalchemy import DefaultClause

    return DefaultClause(value)


def _is_ours(name: str | None, kind: str, _parents: Any) -> bool:
    return kind != "table" or name in _known.metadata.tables


def _plain_type(kind: str, item: Any, _context: Any) -> str | bool:
    # A migration outlives the code of the day: only SQLAlchemy's own types are written into it.
    if kind != "type" or not isinstance(item, TypeDecorator):
        return False
    if not type(item).__module__.startswith("sqlalchemy."):
        return f"sa.{item.impl_instance!r}"
    return False


def _body(code: str) -> str:
    lines = [line for line in code.splitlines() if not line.strip().startswith("# ###")]
    return "\n".join(lines).strip("\n") or "    pass"
