"""`op.change_enum`: other values for an enum, on every database, with no row's value lost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from alembic.autogenerate import renderers
from alembic.operations import MigrateOperation, Operations
from sqlalchemy import Enum, String, column, func, inspect, literal, select, table, text
from sqlalchemy import cast as sql_cast

from .._errors import MigrationFailed
from .statements import literal as plain
from .statements import quoted, run

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from alembic.autogenerate.api import AutogenContext


@Operations.register_operation("change_enum")
class ChangeEnum(MigrateOperation):
    """Change the values of an enum in all columns that have it."""

    def __init__(
        self,
        name: str,
        old: Sequence[str],
        new: Sequence[str],
        columns: Iterable[tuple[str, str, bool]],
        renamed: Mapping[str, str],
    ) -> None:
        self.name, self.old, self.new = name, list(old), list(new)
        self.columns, self.renamed = list(columns), dict(renamed)

    @classmethod
    def change_enum(
        cls,
        operations: Operations,
        name: str,
        *,
        old: Sequence[str],
        new: Sequence[str],
        columns: Iterable[tuple[str, str, bool]],
        renamed: Mapping[str, str] | None = None,
    ) -> Any:
        """Give the enum *name* the values *new*.

        *columns* are `(table, column, nullable)`. Values that only *renamed* maps keep their rows.
        A value that goes must be in no row: otherwise `MigrationFailed`, and nothing changes.
        """
        return operations.invoke(cls(name, old, new, columns, renamed or {}))

    @property
    def kept(self) -> list[str]:
        """The old values, renamed."""
        return [self.renamed.get(value, value) for value in self.old]

    @property
    def added(self) -> list[str]:
        """Values that are new."""
        return [value for value in self.new if value not in self.kept]

    @property
    def removed(self) -> list[str]:
        """Values that go, by their names before."""
        return [value for value in self.old if self.renamed.get(value, value) not in self.new]

    def reverse(self) -> ChangeEnum:
        """Return the way back."""
        back = {new: old for old, new in self.renamed.items()}
        return ChangeEnum(self.name, self.new, self.old, self.columns, back)

    def to_diff_tuple(self) -> tuple[Any, ...]:
        """Return the change in short."""
        return ("change_enum", self.name, tuple(self.old), tuple(self.new))


@Operations.implementation_for(ChangeEnum)
def _change(operations: Operations, change: ChangeEnum) -> None:
    _refuse_to_lose(operations, change)
    dialect = operations.get_context().dialect.name
    if dialect == "postgresql" and change.name:
        _change_type(operations, change)
    elif dialect in {"mysql", "mariadb"}:
        _modify_columns(operations, change)
    else:
        _rename_in_rows(operations, change)


@renderers.dispatch_for(ChangeEnum)
def _write(_context: AutogenContext, change: ChangeEnum) -> str:
    renamed = f"    renamed={change.renamed!r},\n" if change.renamed else ""
    return (
        f"op.change_enum(\n    {change.name!r},\n    old={change.old!r},\n    new={change.new!r},\n"
        f"    columns={change.columns!r},\n{renamed})"
    )


def _refuse_to_lose(operations: Operations, change: ChangeEnum) -> None:
    if not change.removed or operations.get_context().as_sql:
        return
    for name, field, _ in change.columns:
        of = table(name, column(field))
        held = select(func.count()).where(sql_cast(of.c[field], String).in_(change.removed))
        if count := operations.get_bind().execute(held.select_from(of)).scalar_one():
            raise MigrationFailed(
                f"{count} rows of {name}.{field} still hold {' or '.join(change.removed)}, which "
                "the enum would lose: give them another value in a step before this one, or name "
                'the new value: make("…", renames={"table.column.old": "new"})'
            )


def _change_type(operations: Operations, change: ChangeEnum) -> None:
    name = quoted(operations, change.name)
    order = [value for value in change.new if value in change.kept]
    simple = order == change.kept
    for old, new in change.renamed.items():
        run(operations, f"ALTER TYPE {name} RENAME VALUE {plain(old)} TO {plain(new)}")
    if simple:
        for place, value in enumerate(change.new):
            if value in change.added:
                where = (
                    f"AFTER {plain(change.new[place - 1])}"
                    if place
                    else f"BEFORE {plain(change.kept[0])}"
                )
                run(operations, f"ALTER TYPE {name} ADD VALUE {plain(value)} {where}")
        return
    # PostgreSQL can't take a value from a type: a new type takes the columns over.
    former = quoted(operations, f"{change.name}__former")
    run(operations, f"ALTER TYPE {name} RENAME TO {former}")
    run(operations, f"CREATE TYPE {name} AS ENUM ({', '.join(map(plain, change.new))})")
    for table_name, field, _ in change.columns:
        default = _default(operations, table_name, field)
        alter = f"ALTER TABLE {quoted(operations, table_name)} ALTER COLUMN "
        alter += quoted(operations, field)
        if default:
            run(operations, f"{alter} DROP DEFAULT")
        values = f"{quoted(operations, field)}::text::{name}"
        run(operations, f"{alter} TYPE {name} USING {values}")
        if default:
            value = default.partition("::")[0]
            run(operations, f"{alter} SET DEFAULT {value}::{name}")
    run(operations, f"DROP TYPE {former}")


def _modify_columns(operations: Operations, change: ChangeEnum) -> None:
    both = [*change.new, *(value for value in change.old if value not in change.new)]
    for values in (both, change.new) if change.renamed else (change.new,):
        for name, field, nullable in change.columns:
            default = _default(operations, name, field)
            operations.alter_column(
                name,
                field,
                type_=Enum(*values, name=change.name or None),
                existing_nullable=nullable,
                existing_server_default=text(default) if default else False,
            )
        if values is both:
            _rename_in_rows(operations, change)


def _rename_in_rows(operations: Operations, change: ChangeEnum) -> None:
    for name, field, _ in change.columns:
        of = table(name, column(field))
        for old, new in change.renamed.items():
            change_rows = of.update().where(of.c[field] == literal(old))
            operations.execute(change_rows.values({field: literal(new)}))


def _default(operations: Operations, name: str, field: str) -> str | None:
    if operations.get_context().as_sql:
        return None
    columns = inspect(operations.get_bind()).get_columns(name)
    return next((each["default"] for each in columns if each["name"] == field), None)
