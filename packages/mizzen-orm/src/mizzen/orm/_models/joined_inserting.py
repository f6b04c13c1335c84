"""Rows that lie in several tables, inserted in bulk: a statement for each table, the base's first.

SQLAlchemy's bulk INSERT takes them too, but returns no keys on PostgreSQL.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import insert
from sqlalchemy.orm.attributes import set_attribute

from .._connections.guarding import CHECKED
from .hydration import mapper_of

if TYPE_CHECKING:
    from sqlalchemy import Table
    from sqlalchemy.ext.asyncio import AsyncSession

    from .model import Model


def is_joined(model: type[Model]) -> bool:
    """Return whether rows of *model* lie in several tables."""
    return len(mapper_of(model).tables) > 1


async def insert_joined(session: AsyncSession, model: type[Model], part: list[Any]) -> None:
    """Insert objects of *model*, and give them the keys that the database made."""
    base, *others = _tables(model)
    keyed = [one for one in part if _key(model, one) is not None]
    await _insert(session, model, base, keyed)
    await _insert_new(session, model, base, [one for one in part if _key(model, one) is None])
    for table in others:
        await _insert(session, model, table, part)


async def _insert(session: AsyncSession, model: type[Model], table: Table, part: list[Any]) -> None:
    if part:
        values = [_values(model, table, one) for one in part]
        await session.execute(insert(table), values, execution_options={CHECKED: True})


async def _insert_new(
    session: AsyncSession, model: type[Model], table: Table, part: list[Any]
) -> None:
    name = mapper_of(model).get_property_by_column(table.primary_key.columns[0]).key
    values = [_values(model, table, one) for one in part]
    keys: list[Any] = []
    if part and session.get_bind().dialect.insert_returning:
        asked = insert(table).returning(*table.primary_key, sort_by_parameter_order=True)
        keys += await session.scalars(asked, values, execution_options={CHECKED: True})
    else:
        for row in values:  # MySQL tells the key of one row only
            done: Any = await session.execute(insert(table), row, execution_options={CHECKED: True})
            keys.append(done.inserted_primary_key[0])
    for one, key in zip(part, keys, strict=True):
        set_attribute(one, name, key)


def _tables(model: type[Model]) -> list[Table]:
    line = reversed(list(mapper_of(model).iterate_to_root()))
    return list(dict.fromkeys(mapper.local_table for mapper in line))


def _key(model: type[Model], instance: Model) -> Any:
    mapper = mapper_of(model)
    return vars(instance).get(mapper.get_property_by_column(mapper.primary_key[0]).key)


def _values(model: type[Model], table: Table, instance: Model) -> dict[str, Any]:
    held = vars(instance)
    return {
        column.name: held[attribute.key]
        for attribute in mapper_of(model).column_attrs
        for column in attribute.columns
        if column.table is table
        and attribute.key in held
        and not (column.primary_key and held[attribute.key] is None)
    }
