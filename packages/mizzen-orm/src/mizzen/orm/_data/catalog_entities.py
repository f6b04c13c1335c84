"""The same entities and links, from the tables that `db.meta` found in a database."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .entities import Attribute, Entity, Link, fewer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .._inspection.catalog import Column, ForeignKey, Table


def catalog_entity(table: Table, *, keys_only: bool, most: int) -> Entity:
    """Return what is shown of *table*; see `entity_of`."""
    return fewer(
        _name(table.name, table.schema),
        [_attribute(table, column) for column in table.columns],
        keys_only=keys_only,
        most=most,
    )


def catalog_links(tables: Sequence[Table]) -> list[Link]:
    """Return the foreign keys among *tables*, in a fixed order."""
    known = {_name(table.name, table.schema) for table in tables}
    found = [
        link
        for table in tables
        for key in table.foreign_keys
        if (link := _link(table, key)).parent in known
    ]
    return sorted(found, key=lambda link: (link.child, link.columns, link.parent))


def _name(table: str, schema: str | None) -> str:
    return table if schema in {None, "public", "main"} else f"{schema}.{table}"


def _attribute(table: Table, column: Column) -> Attribute:
    marks = [
        ("PK", column.name in table.primary_key),
        ("FK", any(column.name in key.columns for key in table.foreign_keys)),
        ("UQ", _unique(table, {column.name}) and column.name not in table.primary_key),
    ]
    return Attribute(
        column.name,
        str(column.type).lower(),
        tuple(mark for mark, applies in marks if applies),
        column.nullable,
    )


def _link(table: Table, key: ForeignKey) -> Link:
    own = [column for column in table.columns if column.name in key.columns]
    return Link(
        child=_name(table.name, table.schema),
        columns=tuple(key.columns),
        parent=_name(key.references, key.referenced_schema or table.schema),
        parent_columns=tuple(key.referenced),
        single=_unique(table, set(key.columns)),
        optional=any(column.nullable for column in own),
    )


def _unique(table: Table, names: set[str]) -> bool:
    sets = [set(table.primary_key), *(set(each.columns) for each in table.uniques)]
    sets += [set(index.columns) for index in table.indexes if index.unique and index.where is None]
    return names in sets
