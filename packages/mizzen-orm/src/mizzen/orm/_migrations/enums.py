"""Which values of enums have changed, and which of PostgreSQL's types come and go."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from alembic.operations import ops
from sqlalchemy import Enum, TypeDecorator, inspect

from .._errors import MigrationFailed
from .._models import known
from .enum_operations import ChangeEnum
from .enum_types import CreateEnum, DropEnum

if TYPE_CHECKING:
    from alembic.operations import MigrateOperation
    from sqlalchemy import Column, Connection

    from .renames import Renames
    from .written_schema import WrittenSchema


def merge(
    connection: Connection,
    written: WrittenSchema,
    renames: Renames,
    changes: list[MigrateOperation],
) -> list[MigrateOperation]:
    """Return what goes before *changes*, and put what follows from them at their end."""
    present = _present(connection, written)
    changed = _changed(present, renames)
    retyped = {(table, name) for change in changed for table, name, _ in change.columns}
    if connection.dialect.name != "sqlite":
        _without_retyping(changes, retyped)
    if connection.dialect.name == "sqlite":
        _retype_texts(written, changes)
    types = _types(connection, present)
    wanted = {
        str(kind.name): list(kind.enums)
        for table in known.metadata().tables.values()
        for column in table.columns
        if (kind := enum_of(column)) is not None and kind.native_enum and kind.name
    }
    created = [CreateEnum(name, wanted[name]) for name in sorted(set(wanted) - set(types))]
    freed = _freed(connection, changes) - set(wanted)
    changes += [DropEnum(name, types[name]) for name in sorted(freed & set(types))]
    return [*created, *changed]


def enum_of(column: Column[Any]) -> Enum | None:
    """Return the enum that *column* holds, or None."""
    kind: Any = column.type
    if isinstance(kind, TypeDecorator):
        kind = kind.impl_instance
    return kind if isinstance(kind, Enum) else None


def _present(connection: Connection, written: WrittenSchema) -> dict[tuple[str, str], list[str]]:
    # SQLite keeps an enum as plain text: there only the files say what it was.
    there = inspect(connection)
    tables = set(there.get_table_names()) & set(known.metadata().tables)
    if connection.dialect.name == "sqlite":
        return {**_of_models(tables - set(written.tables)), **written.enums()}
    return {
        (table, column["name"]): list(values)
        for table in tables
        for column in there.get_columns(table)
        if (values := getattr(column["type"], "enums", None))
    }


def _of_models(tables: set[str]) -> dict[tuple[str, str], list[str]]:
    # Of a table that no file made (`create_all` did) nothing else is known.
    return {
        (table, column.name): list(kind.enums)
        for table in tables
        for column in known.metadata().tables[table].columns
        if (kind := enum_of(column)) is not None
    }


def _changed(present: dict[tuple[str, str], list[str]], renames: Renames) -> list[ChangeEnum]:
    groups: dict[tuple[str, ...], list[tuple[Column[Any], Enum]]] = defaultdict(list)
    for table in known.metadata().tables.values():
        for column in table.columns:
            kind = enum_of(column)
            if kind is not None and (table.name, column.name) in present:
                shared = bool(kind.native_enum and kind.name)
                key: tuple[str, ...] = (str(kind.name),) if shared else (table.name, column.name)
                groups[key].append((column, kind))
    found: list[ChangeEnum] = []
    for key, members in groups.items():
        column, kind = members[0]
        old, new = present[str(column.table.name), column.name], list(kind.enums)
        columns = [
            (str(each.table.name), each.name, bool(each.nullable))
            for each, _ in members
            if present[str(each.table.name), each.name] != new
        ]
        if columns:
            renamed = _renamed(columns, renames, old, new)
            found.append(ChangeEnum(key[0] if len(key) == 1 else "", old, new, columns, renamed))
    return found


def _renamed(
    columns: list[tuple[str, str, bool]], renames: Renames, old: list[str], new: list[str]
) -> dict[str, str]:
    asked: dict[str, str] = {}
    for table, name, _ in columns:
        asked |= renames.values.get((table, name), {})
    for before, after in asked.items():
        if before not in old or after not in new or after in old:
            raise MigrationFailed(
                f'the enum value "{before}" can\'t be renamed to "{after}": the database has '
                f"{', '.join(old)}, and the model {', '.join(new)}."
            )
    return asked


def _retype_texts(written: WrittenSchema, changes: list[MigrateOperation]) -> None:
    # A text that becomes an enum is the same to SQLite; the files have to know.
    seen = {
        (part.table_name, part.column_name)
        for change in changes
        for part in (change.ops if isinstance(change, ops.ModifyTableOps) else ())
        if isinstance(part, ops.AlterColumnOp) and part.modify_type is not None
    }
    for table in known.metadata().tables.values():
        for column in table.columns:
            was = written.column(table.name, column.name)
            if (
                enum_of(column) is not None
                and was is not None
                and enum_of(was) is None
                and (table.name, column.name) not in seen
            ):
                alter = ops.AlterColumnOp(
                    table.name,
                    column.name,
                    modify_type=column.type,
                    existing_type=was.type,
                    existing_nullable=bool(was.nullable),
                )
                changes.append(ops.ModifyTableOps(table.name, [alter]))


def _without_retyping(changes: list[MigrateOperation], columns: set[tuple[str, str]]) -> None:
    for change in [each for each in changes if isinstance(each, ops.ModifyTableOps)]:
        for part in list(change.ops):
            if (
                isinstance(part, ops.AlterColumnOp)
                and (part.table_name, part.column_name) in columns
            ):
                part.modify_type = None
                if not part.has_changes():
                    change.ops.remove(part)
        if not change.ops:
            changes.remove(change)


def _types(
    connection: Connection, present: dict[tuple[str, str], list[str]]
) -> dict[str, list[str]]:
    there: Any = inspect(connection)
    if connection.dialect.name == "postgresql":
        return {found["name"]: list(found["labels"]) for found in there.get_enums()}
    tables = known.metadata().tables
    return {
        str(kind.name): values
        for (table, name), values in present.items()
        if table in tables and name in tables[table].columns
        if (kind := enum_of(tables[table].columns[name])) is not None and kind.name
    }


def _freed(connection: Connection, changes: list[MigrateOperation]) -> set[str]:
    # Types of PostgreSQL that only columns which go have had; types of others are left alone.
    if connection.dialect.name != "postgresql":
        return set()
    tables: set[str] = set()
    columns: set[tuple[str, str]] = set()
    for change in changes:
        if isinstance(change, ops.DropTableOp):
            tables.add(change.table_name)
        for part in change.ops if isinstance(change, ops.ModifyTableOps) else ():
            if isinstance(part, ops.DropColumnOp) or (
                isinstance(part, ops.AlterColumnOp) and part.modify_type is not None
            ):
                columns.add((part.table_name, part.column_name))
    gone: set[str] = set()
    stay: set[str] = set()
    there = inspect(connection)
    for table in there.get_table_names():
        for column in there.get_columns(table):
            if isinstance(kind := column["type"], Enum) and kind.name:
                goes = table in tables or (table, column["name"]) in columns
                (gone if goes else stay).add(str(kind.name))
    return gone - stay
