"""Unique rules of soft-deleted rows: they hold among the living, as partial unique indexes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import Index, UniqueConstraint, event

from .._errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import Column, Table

COLUMN = "deleted_at"
_END = "_living"


def free_unique_values(table: Table) -> None:
    """Replace the unique rules of *table* by ones among the rows that are not deleted."""
    if COLUMN not in table.columns:
        return
    for rule in [each for each in table.constraints if isinstance(each, UniqueConstraint)]:
        table.constraints.discard(rule)
        _among_living(table, list(rule.columns))
    for index in [each for each in table.indexes if each.unique and not _is_partial(each)]:
        table.indexes.discard(index)
        _among_living(table, list(cast("Any", index).columns))
    if any(_is_partial(index) for index in table.indexes):
        event.listen(table, "before_create", _refuse_without_partial_indexes)


def condition(table: Any) -> Any:
    """Return what the partial indexes of *table* ask of a row, None where it has none."""
    found = any(_is_partial(index) for index in table.indexes)
    return table.columns[COLUMN].is_(None) if found else None


def refuse_without_partial_indexes(tables: Iterable[Table], dialect: str) -> None:
    """Raise `ConfigurationError` where *dialect* can't hold the unique rules of *tables*."""
    if dialect in {"sqlite", "postgresql"}:
        return
    for table in tables:
        if condition(table) is not None:
            raise ConfigurationError(
                f"{table.name}: unique fields of a SoftDelete model need partial indexes, which "
                f"{dialect} has not; leave out `unique` there, or SoftDelete."
            )


def _among_living(table: Table, columns: list[Column[Any]]) -> None:
    for column in columns:
        column.unique = False
    living = table.columns[COLUMN].is_(None)
    name = f"uq_{table.name}_{'_'.join(column.name for column in columns)}{_END}"
    Index(name, *columns, unique=True, sqlite_where=living, postgresql_where=living)


def _is_partial(index: Index) -> bool:
    return bool(index.unique) and str(index.name).endswith(_END)


def _refuse_without_partial_indexes(table: Table, connection: Any, **_options: Any) -> None:
    refuse_without_partial_indexes([table], connection.dialect.name)
