"""Alembic, met in one place: comparing, writing, applying."""

from __future__ import annotations

import traceback
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal, cast

from alembic.autogenerate import produce_migrations, render_python_code
from alembic.config import Config
from alembic.operations import ops
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Column, DefaultClause, TypeDecorator, false, inspect, text, true
from sqlalchemy import Enum as SQLEnum

from . import _known
from ._schema import wanted_indexes
from ._search_operations import CreateSearchIndex, DropSearchIndex

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy import Connection

    from .abc import SearchBackend

__all__ = [
    "CommandError",
    "applied",
    "context",
    "differences",
    "imports",
    "run",
    "scripts",
    "step_of",
    "write",
]

VERSION_TABLE = "mizzen_migration"

_EMPTY: dict[type, object] = {bool: False, int: 0, float: 0, Decimal: 0, str: "", bytes: ""}


def scripts(folder: Path) -> ScriptDirectory:
    """Return the migrations in *folder*."""
    return ScriptDirectory(str(folder), version_locations=[str(folder)])


def context(connection: Connection, search: SearchBackend) -> MigrationContext:
    """Return Alembic's view of the database."""
    return MigrationContext.configure(
        connection,
        opts={
            "version_table": VERSION_TABLE,
            "target_metadata": _known.metadata(),
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
    known = {script.revision for script in folder.walk_revisions()}
    if newer := ", ".join(sorted(set(heads) - known)):
        raise CommandError(
            f"the database has a migration that is not here ({newer}): it was written by a newer "
            "version of the program; use that one"
        )
    have = folder.revision_map.iterate_revisions(heads, "base", inclusive=True) if heads else ()
    return {script.revision for script in have}


def differences(view: MigrationContext) -> list[str]:
    """Return what the models say and the database lacks, one line each."""
    upgrade, _ = _operations(view)
    return [
        ", ".join(map(str, cast("tuple[object, ...]", change)))
        if isinstance(change, tuple)
        else str(change)
        for change in cast("list[object]", upgrade.as_diffs())
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


def imports(code: str) -> str:
    """Return the further imports that *code* needs."""
    used = [name for name in ("mysql", "postgresql", "sqlite") if f" {name}." in code]
    return "".join(f"from sqlalchemy.dialects import {name}\n" for name in used)


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

    def repair(*_step: Any, **_more: Any) -> None:
        nonlocal before
        search.repair(connection, before)
        before = search.present(connection)

    def steps(revision: Any, _context: MigrationContext) -> Any:
        # What Alembic's own upgrade and downgrade commands call.
        inner: Any = folder
        move = inner._upgrade_revs if up else inner._downgrade_revs
        return move(target, revision)

    with EnvironmentContext(Config(), folder, fn=steps) as environment:
        environment.configure(
            connection,
            target_metadata=_known.metadata(),
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
    script = produce_migrations(view, _known.metadata())
    upgrade, downgrade = script.upgrade_ops, script.downgrade_ops
    assert upgrade is not None  # noqa: S101  (always made above)
    assert downgrade is not None  # noqa: S101
    for change in (*upgrade.ops, *downgrade.ops):
        for part in change.ops if isinstance(change, ops.ModifyTableOps) else ():
            if isinstance(part, ops.AddColumnOp) and not part.column.nullable:
                _default_for_rows(part.column)
    _search_changes(view, upgrade, downgrade)
    _drop_new_types(view, upgrade, downgrade)
    return upgrade, downgrade


def _search_changes(
    view: MigrationContext, upgrade: ops.UpgradeOps, downgrade: ops.DowngradeOps
) -> None:
    assert view.connection is not None  # noqa: S101  (configured with one)
    present = view.opts["mizzen_search"].present(view.connection)
    wanted = wanted_indexes()
    for table in sorted({*wanted, *present} & set(_known.metadata().tables)):
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


def _drop_new_types(
    view: MigrationContext, upgrade: ops.UpgradeOps, downgrade: ops.DowngradeOps
) -> None:
    # PostgreSQL makes an enum's type along with its table, and keeps it when the table goes.
    if view.dialect.name != "postgresql":
        return
    columns: list[Any] = [
        column
        for change in upgrade.ops
        if isinstance(change, ops.CreateTableOp)
        for column in change.columns
        if isinstance(column, Column)
    ]
    made = {str(column.type.name) for column in columns if isinstance(column.type, SQLEnum)}
    present: Any = inspect(view.connection)
    known = {found["name"] for found in present.get_enums()}
    downgrade.ops += [ops.ExecuteSQLOp(f'DROP TYPE "{name}"') for name in sorted(made - known)]


def _default_for_rows(column: Column[Any]) -> None:
    # A new column that must not be null needs a value for the rows that are there already: the
    # model's default, or, where a downgrade brings a lost column back, an empty value.
    if column.server_default is not None:
        return
    value = getattr(column.default, "arg", None)
    if isinstance(column.type, SQLEnum):
        value = getattr(value, "name", value)
    if value is None and column.default is None:
        value = _EMPTY.get(column.type.python_type)
    if isinstance(value, bool):
        column.server_default = DefaultClause(true() if value else false())
    elif isinstance(value, int | float | Decimal):
        column.server_default = DefaultClause(text(str(value)))
    elif isinstance(value, str):
        column.server_default = DefaultClause(value)


def _is_ours(name: str | None, kind: str, _parents: Any) -> bool:
    return kind != "table" or name in _known.metadata().tables


def _plain_type(kind: str, item: Any, _context: Any) -> str | Literal[False]:
    # A migration outlives the code of the day: only SQLAlchemy's own types are written into it.
    module = str(cast("Any", type(item)).__module__)
    own = isinstance(item, TypeDecorator) and not module.startswith("sqlalchemy.")
    return f"sa.{cast('Any', item).impl_instance!r}" if kind == "type" and own else False


def _body(code: str) -> str:
    lines = [line for line in code.splitlines() if not line.strip().startswith("# ###")]
    return "\n".join(lines).strip("\n") or "    pass"
