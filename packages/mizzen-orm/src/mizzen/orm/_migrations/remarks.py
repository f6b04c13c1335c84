"""Comments in a new file: what looks like a rename and is written as a drop and an add."""

from __future__ import annotations

from difflib import SequenceMatcher
from typing import TYPE_CHECKING

from alembic.operations import ops
from sqlalchemy import Column

from .rename_operations import Remark

if TYPE_CHECKING:
    from collections.abc import Iterable

    from alembic.operations import MigrateOperation

    from .written_schema import WrittenSchema


def possible_renames(
    changes: Iterable[MigrateOperation], orphans: dict[str, str], written: WrittenSchema
) -> list[MigrateOperation]:
    """Return a remark for each column or table that may have been renamed."""
    found: list[MigrateOperation] = []
    for change in changes:
        if isinstance(change, ops.ModifyTableOps):
            found += [
                _remark(f"{change.table_name}.{old}", f"{change.table_name}.{new}")
                for old, new in column_pairs(change.ops)
            ]
        elif isinstance(change, ops.CreateTableOp):
            names = {column.name for column in change.columns if isinstance(column, Column)}
            found += [
                _remark(orphan, change.table_name)
                for orphan in orphans
                if set(written.tables[orphan].columns) == names
            ]
    return found


def column_pairs(parts: Iterable[MigrateOperation]) -> list[tuple[str, str]]:
    """Return (dropped, added) columns of one table that have the same type, likest names first."""
    held = list(parts)
    added = {part.column.name: part.column for part in held if isinstance(part, ops.AddColumnOp)}
    dropped = {
        part.column_name: part.to_column() for part in held if isinstance(part, ops.DropColumnOp)
    }
    pairs = [
        (SequenceMatcher(None, old, new).ratio(), old, new)
        for old, was in dropped.items()
        for new, column in added.items()
        if family(was.type) == family(column.type)
    ]
    found: dict[str, str] = {}
    for _, old, new in sorted(pairs, key=lambda pair: -pair[0]):
        if old not in found and new not in found.values():
            found[old] = new
    return list(found.items())


def _remark(old: str, new: str) -> Remark:
    return Remark(
        f"{old} goes and {new} comes, with the same type. Is it a rename? Then delete this file\n"
        f'and make it again with renames={{"{old}": "{new}"}}; as it is, the data are lost.'
    )


def family(kind: object) -> str:
    """Return what a type is in general: models and databases spell types differently."""
    affinity = getattr(kind, "_type_affinity", None)
    return getattr(affinity, "__name__", type(kind).__name__)
