"""Making files: from what the models say and the database lacks, empty ones, and merges."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .._errors import MigrationFailed
from . import bookkeeping, files, writing
from .compare import Comparison, compare
from .context import open_context
from .renames import Renames
from .written_schema import WrittenSchema

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from sqlalchemy import Connection

    from ..abc import Driver


@dataclass(frozen=True)
class Wish:
    """What `make` was asked for."""

    message: str
    renames: Mapping[str, str] = field(default_factory=dict[str, str])
    drops: bool = False
    empty: bool = False
    data: bool = False


def make(connection: Connection, driver: Driver, folder: Path, wish: Wish) -> Path | None:
    """Write a file; None when there is nothing to do."""
    folder.mkdir(parents=True, exist_ok=True)
    history = files.read(folder)
    head = history.one_head()
    upgrade = downgrade = "    pass"
    with connection.begin() as transaction:
        driver.before_migrations(connection)
        have = bookkeeping.applied(connection, history)
        pending = [step.revision for step in history if step.revision not in have]
        if pending:
            raise MigrationFailed(
                f"{folder} holds migrations that this database lacks "
                f"({', '.join(pending)}): apply them with `up()` first."
            )
        if not wish.empty and not wish.data:
            found = _compared(connection, driver, history, wish)
            if not found.upgrade:
                return None
            view = open_context(connection, driver.search)
            upgrade = writing.body(view, found.upgrade)
            downgrade = writing.body(view, found.downgrade)
        transaction.rollback()
    revision, made = writing.revision_after({step.revision for step in history})
    parents = [head.revision] if head else []
    return _write(
        folder,
        revision,
        wish.message,
        writing.file_text(
            wish.message,
            revision,
            made,
            parents,
            upgrade=upgrade,
            downgrade=downgrade,
            data=wish.data,
        ),
    )


def merge(folder: Path, message: str) -> Path | None:
    """Write a file that comes after every head; None when there is only one."""
    history = files.read(folder)
    heads = [step.revision for step in history.heads]
    if len(heads) < 2:
        return None
    revision, made = writing.revision_after({step.revision for step in history})
    text = writing.file_text(message, revision, made, heads)
    return _write(folder, revision, message, text)


def changes(connection: Connection, driver: Driver, folder: Path) -> list[str]:
    """Return what `make` would write, one line each, and the tables whose model is gone."""
    history = files.read(folder) if folder.is_dir() else files.History(folder, [])
    with connection.begin() as transaction:
        driver.before_migrations(connection)
        found = _compared(connection, driver, history, Wish(""))
        lines = [line for operation in found.upgrade for line in _lines(operation)]
        transaction.rollback()
    return lines + [
        f"orphan table, {name}, made by {revision}: no model has it now; "
        'make("…", drops=True) drops it'
        for name, revision in sorted(found.orphans.items())
    ]


def _compared(
    connection: Connection, driver: Driver, history: files.History, wish: Wish
) -> Comparison:
    have = bookkeeping.applied(connection, history)
    applied = [step for step in history if step.revision in have]
    written = WrittenSchema.after(applied, connection.dialect.name)
    renames = Renames.read(wish.renames)
    return compare(connection, driver.search, written, renames, drops=wish.drops)


def _lines(operation: Any) -> list[str]:
    parts: list[Any] | None = getattr(operation, "ops", None)
    if parts is not None:
        return [line for part in parts for line in _lines(part)]
    return [", ".join(map(str, change)) for change in _listed(operation.to_diff_tuple())]


def _listed(found: Any) -> list[Any]:
    return [*found] if isinstance(found, list) else [found]  # pyright: ignore[reportUnknownVariableType]


def _write(folder: Path, revision: str, message: str, text: str) -> Path:
    name = re.sub(r"\W+", "_", message.lower()).strip("_")[:60] or "migration"
    path = folder / f"{revision}_{name}.py"
    path.write_text(text, encoding="utf-8")
    return path
