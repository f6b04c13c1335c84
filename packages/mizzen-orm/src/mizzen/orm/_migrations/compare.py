"""What brings the database to the models: Alembic's comparison, and what it doesn't see.

Added here: renames, values of enums, search indexes, types of PostgreSQL, tables whose model is
gone, and defaults for rows that are there already.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from alembic.autogenerate import produce_migrations
from alembic.operations import MigrateOperation, Operations, ops
from sqlalchemy import Column, DefaultClause, MetaData, false, inspect, text, true
from sqlalchemy import Enum as SQLEnum

from .._models import known
from .._models.known import sorted_tables
from .._models.living_unique import refuse_without_partial_indexes
from . import copied_tables, enums, generated, locks, references, remarks
from .context import open_context
from .retyping import with_casts
from .schema import wanted_indexes
from .search_operations import CreateSearchIndex, DropSearchIndex

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from ..abc import SearchBackend
    from .renames import Renames
    from .written_schema import WrittenSchema

_EMPTY: dict[type, object] = {bool: False, int: 0, float: 0, Decimal: 0, str: "", bytes: ""}


@dataclass(frozen=True)
class Comparison:
    """The operations forth and back, and the tables that no model has any more."""

    upgrade: list[MigrateOperation]
    downgrade: list[MigrateOperation]
    orphans: dict[str, str]  # table → the revision that made it


def compare(
    connection: Connection,
    search: SearchBackend,
    written: WrittenSchema,
    renames: Renames,
    *,
    drops: bool,
) -> Comparison:
    """Compare, inside a transaction that the caller rolls back: renames are tried out in it."""
    refuse_without_partial_indexes(known.metadata().tables.values(), connection.dialect.name)
    found = renames.operations(connection, search)
    context = open_context(connection, search, include_name=_is_ours)
    if found and not locks.rolls_back_schema(connection):
        # Nothing can be tried out here: the next `make`, after `up`, finds the rest.
        return Comparison(found, _reverse(found), {})
    _try_out(context, found, written)
    script = produce_migrations(context, known.metadata())
    assert script.upgrade_ops is not None  # noqa: S101  (always made above)
    changes = list(script.upgrade_ops.ops)
    orphans = _orphans(connection, written)
    if drops:
        changes += _drops(connection, search, orphans)
    found += enums.merge(connection, written, renames, changes)
    changes = copied_tables.with_indexes_apart(generated.in_order(written, changes))
    with_casts(changes)
    changes = _with_search(connection, search, changes)
    hints = remarks.possible_renames(changes, orphans, written)
    downgrade = _reverse([*found, *changes])
    upgrade = [*hints, *found, *references.in_order(changes, connection.dialect.name)]
    _defaults_for_rows(upgrade)
    # New code keeps the default, for the old code that runs beside it for a while; what comes back
    # is to be as it was.
    downgrade = _without_defaults(downgrade, _defaults_for_rows(downgrade))
    downgrade = references.in_order(downgrade, connection.dialect.name)
    return Comparison(upgrade, downgrade, {} if drops else orphans)


def _reverse(changes: list[MigrateOperation]) -> list[MigrateOperation]:
    reversible: list[Any] = list(reversed(changes))
    return [change.reverse() for change in reversible]


def _try_out(context: Any, found: list[MigrateOperation], written: WrittenSchema) -> None:
    with Operations.context(context) as operations:
        for operation in found:
            operations.invoke(operation)
            written.apply(operation, "")


def _orphans(connection: Connection, written: WrittenSchema) -> dict[str, str]:
    present = set(inspect(connection).get_table_names()) - set(known.metadata().tables)
    return {name: held.made_by for name, held in written.tables.items() if name in present}


def _drops(
    connection: Connection, search: SearchBackend, orphans: dict[str, str]
) -> list[MigrateOperation]:
    lost = MetaData()
    lost.reflect(connection, only=sorted(orphans))  # and the tables that they refer to
    present = search.present(connection)
    tables = [table for table in reversed(sorted_tables(lost)) if table.name in orphans]
    indexes = (DropSearchIndex(name, present[name]) for name in sorted(orphans) if name in present)
    return [*indexes, *(part for table in tables for part in _drop(table))]


def _drop(table: Any) -> list[MigrateOperation]:
    # MariaDB makes indexes of its own for foreign keys, called as they are.
    own = {str(key.name) for key in table.foreign_key_constraints}
    indexes = sorted(table.indexes, key=lambda index: str(index.name))
    drops = [ops.DropIndexOp.from_index(index) for index in indexes if str(index.name) not in own]
    first: list[MigrateOperation] = [ops.ModifyTableOps(table.name, drops)] if drops else []
    return [*first, ops.DropTableOp.from_table(table)]


def _with_search(
    connection: Connection, search: SearchBackend, changes: list[MigrateOperation]
) -> list[MigrateOperation]:
    present, wanted = search.present(connection), wanted_indexes()
    first: list[MigrateOperation] = []
    last: list[MigrateOperation] = []
    for table in sorted({*wanted, *present} & set(known.metadata().tables)):
        old, new = present.get(table), wanted.get(table)
        # An index goes before its table changes and comes after, in both directions.
        if old is not None and old != new:
            first.append(DropSearchIndex(table, old))
        if new is not None and old != new:
            last.append(CreateSearchIndex(new))
    return [*first, *changes, *last]


def _defaults_for_rows(changes: list[MigrateOperation]) -> set[int]:
    given: set[int] = set()
    for change in changes:
        for part in change.ops if isinstance(change, ops.ModifyTableOps) else ():
            if isinstance(part, ops.AddColumnOp) and not part.column.nullable:
                before = part.column.server_default
                _default_for_rows(part.column)
                if part.column.server_default is not before:
                    given.add(id(part))
    return given


def _without_defaults(changes: list[MigrateOperation], given: set[int]) -> list[MigrateOperation]:
    found: list[MigrateOperation] = []
    for change in changes:
        found.append(change)
        parts: list[MigrateOperation] = [
            ops.AlterColumnOp(
                part.table_name,
                part.column.name,
                modify_server_default=None,
                existing_type=part.column.type,
                existing_nullable=False,
            )
            for part in (change.ops if isinstance(change, ops.ModifyTableOps) else ())
            if isinstance(part, ops.AddColumnOp) and id(part) in given
        ]
        if parts and isinstance(change, ops.ModifyTableOps):
            # A batch of its own: rows are copied with the default first.
            found.append(ops.ModifyTableOps(change.table_name, parts))
    return found


def _default_for_rows(column: Column[Any]) -> None:
    # A new column that must not be null needs a value for the rows that are there already: the
    # model's default, or, where a downgrade brings a lost column back, an empty value.
    if column.server_default is not None:
        return
    value = getattr(column.default, "arg", None)
    if isinstance(column.type, SQLEnum):
        value = getattr(value, "name", value)
    if value is None and column.default is None:
        value = _EMPTY.get(_python_type(column))
    if isinstance(value, bool):
        column.server_default = DefaultClause(true() if value else false())
    elif isinstance(value, int | float | Decimal):
        column.server_default = DefaultClause(text(str(value)))
    elif isinstance(value, str):
        column.server_default = DefaultClause(value)


def _python_type(column: Column[Any]) -> type:
    if isinstance(column.type, SQLEnum):
        return object  # an empty text is none of its values
    try:
        return column.type.python_type
    except NotImplementedError:
        return object


def _is_ours(name: str | None, kind: str, _parents: Any) -> bool:
    return kind != "table" or name in known.metadata().tables
