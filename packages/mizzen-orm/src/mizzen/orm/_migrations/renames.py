"""Renames: asked for in `make(renames=…)`, or told by a model, and told apart by what they name.

A model tells with `Field(sa_column_kwargs={"info": {"renamed_from": "title"}})`, and of its table
with `__table_args__ = {"info": {"renamed_from": "posts"}}`; what is renamed already is left alone.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sqlalchemy import Connection, inspect

from .._errors import MigrationFailed
from .._models import known
from .rename_operations import RenameColumn, RenameTable
from .search_operations import DropSearchIndex

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from alembic.operations import MigrateOperation

    from ..abc import SearchBackend


@dataclass
class Renames:
    """Tables, columns by (new) table, and enum values by (new) table and column."""

    tables: dict[str, str] = field(default_factory=dict[str, str])
    columns: dict[tuple[str, str], str] = field(default_factory=dict[tuple[str, str], str])
    values: dict[tuple[str, str], dict[str, str]] = field(
        default_factory=dict[tuple[str, str], dict[str, str]]
    )

    @classmethod
    def read(cls, asked: Mapping[str, str]) -> Renames:
        """Read `{"posts": "articles", "articles.title": "articles.headline", …}`.

        Three parts name a value of an enum: `{"posts.status.open": "opened"}`.
        """
        found = cls()
        for old, new in asked.items():
            parts, last = old.split("."), new.rpartition(".")[2]
            if len(parts) == 1 and "." not in new:
                found.tables[old] = new
            elif len(parts) == 2 and new in {last, f"{parts[0]}.{last}"}:
                found.columns[parts[0], parts[1]] = last
            elif len(parts) == 3 and new in {last, f"{parts[0]}.{parts[1]}.{last}"}:
                found.values.setdefault((parts[0], parts[1]), {})[parts[2]] = last
            else:
                raise MigrationFailed(
                    f'"{old}" can\'t be renamed to "{new}": write {{"table": "new"}}, '
                    '{"table.column": "new"} or {"table.column.enum_value": "new"}; a column of '
                    "a renamed table goes by the table's new name."
                )
        return found

    def operations(self, connection: Connection, search: SearchBackend) -> list[MigrateOperation]:
        """Return what renames tables and columns; raises `MigrationFailed` for unknown ones."""
        there = inspect(connection)
        tables = set(there.get_table_names())
        renamed = {**self._told_of_tables(tables), **self.tables}
        for old, new in renamed.items():
            _can(old, new, tables, known.metadata().tables, "table")
        before = {new: old for old, new in renamed.items()}
        columns = {
            table: {column["name"] for column in there.get_columns(before.get(table, table))}
            for table in known.metadata().tables
            if before.get(table, table) in tables
        }
        changed = {**self._told_of_columns(columns), **self.columns}
        for (table, old), new in changed.items():
            wanted = known.metadata().tables.get(table)
            if table not in columns or wanted is None:
                raise MigrationFailed(f'there is no table "{table}" that a model has and has had.')
            _can(old, new, columns[table], wanted.c.keys(), f"column of {table}")
        present = search.present(connection)
        touched = {*renamed, *(before.get(table, table) for table, _ in changed)}
        return [
            # An index goes by the names of its fields: it is built anew after the rename.
            *(DropSearchIndex(table, present[table]) for table in sorted(touched & set(present))),
            *(RenameTable(old, new) for old, new in renamed.items()),
            *(RenameColumn(table, old, new) for (table, old), new in changed.items()),
        ]

    def _told_of_tables(self, present: set[str]) -> dict[str, str]:
        told = {
            str(table.info["renamed_from"]): table.name
            for table in known.metadata().tables.values()
            if "renamed_from" in table.info
        }
        return {old: new for old, new in told.items() if old in present and new not in present}

    def _told_of_columns(self, present: dict[str, set[str]]) -> dict[tuple[str, str], str]:
        return {
            (name, old): column.name
            for name, columns in present.items()
            for column in known.metadata().tables[name].columns
            if (old := str(column.info.get("renamed_from", ""))) in columns
            and column.name not in columns
        }


def _can(old: str, new: str, present: set[str], wanted: Iterable[str], what: str) -> None:
    there = set(wanted)
    wrong = (
        f'the database has no {what} "{old}"'
        if old not in present
        else f'no model has a {what} "{new}"'
        if new not in there
        else f'the database has a {what} "{new}" already'
        if new in present
        else f'the models still have the {what} "{old}"'
        if old in there
        else None
    )
    if wrong:
        raise MigrationFailed(f'"{old}" can\'t be renamed to "{new}": {wrong}.')
