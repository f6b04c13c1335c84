"""Many rows at once: validated, sent in few statements, all or none of them saved.

Outside a transaction they go straight to the driver, if `bulk_straight` can do it; otherwise
SQLAlchemy's session inserts them. Callbacks do not run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import insert, inspect
from sqlalchemy.orm import Mapper, make_transient_to_detached
from sqlalchemy.orm.attributes import set_attribute, set_committed_value

from .._connections import sessions
from .._connections.guarding import CHECKED
from .._core import current
from .._events.change import Change
from .._fields import in_place
from .._tenancy.column import require_own
from . import bulk_straight, joined_inserting
from .fresh_objects import complete, made_from
from .hydration import mapper_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy.ext.asyncio import AsyncSession

    from .._core import Core
    from .model import Model

_ROWS_A_STATEMENT = 500


async def insert_all(
    model: type[Any], rows: Iterable[Any], database: Core | None = None
) -> list[Any]:
    """Insert many rows, validated first; relations are not followed."""
    made = await made_from(model, rows)
    if not made:
        return made
    if (key := model.__tenant_key__) is not None:
        complete(model, made)
        for instance in made:
            require_own(instance, key)
    database = database or current()
    if await bulk_straight.inserted(model, made, database):
        database.count("transactions_total")
        if database.feed:
            await database.feed.publish([Change(model, "create", rows=len(made))])
    else:
        complete(model, made)
        await _through_session(model, made, database)
    if in_place.mutable_fields(model):
        for instance in made:
            in_place.keep(instance)
    return made


async def _through_session(model: type[Any], made: list[Any], database: Core) -> None:
    mapper: Mapper[Any] = inspect(model)
    keys = [mapper.get_property_by_column(column).key for column in mapper.primary_key]
    async with sessions.writer(database) as session:
        for start in range(0, len(made), _ROWS_A_STATEMENT):
            part = made[start : start + _ROWS_A_STATEMENT]
            if joined_inserting.is_joined(model):
                await joined_inserting.insert_joined(session, model, part)
                continue
            values = [values_of(model, instance) for instance in part]
            if len(keys) > 1:
                await session.execute(insert(model), values)
                continue
            if not session.get_bind().dialect.insert_returning:
                await _insert_each(session, model, part, values, keys[0])
                continue
            statement = insert(model).returning(
                getattr(model, keys[0]), sort_by_parameter_order=True
            )
            for instance, key in zip(part, await session.scalars(statement, values), strict=True):
                set_attribute(instance, keys[0], key)
        for instance in made:
            _settle(instance)
        if (frame := sessions.ambient(database)) is not None:
            frame.written.add_created(model, made)  # new again, should the transaction fail


async def _insert_each(
    session: AsyncSession, model: type[Any], part: list[Any], values: list[Any], key: str
) -> None:
    # MySQL tells the key of one row only, the last inserted: rows with keys go in together.
    if all(key in row for row in values):
        await session.execute(
            insert(model.__table__), _named(model, values), execution_options={CHECKED: True}
        )
        return
    for instance, row in zip(part, _named(model, values), strict=True):
        done: Any = await session.execute(
            insert(model.__table__), row, execution_options={CHECKED: True}
        )
        set_attribute(instance, key, done.inserted_primary_key[0])


def _named(model: type[Any], values: list[dict[str, Any]]) -> list[dict[str, Any]]:
    mapped = mapper_of(model).column_attrs
    return [{mapped[name].columns[0].name: row[name] for name in row} for row in values]


def values_of(model: type[Any], instance: Model) -> dict[str, Any]:
    """Return the values of the columns that the object holds, without a key that it lacks."""
    mapper, held = mapper_of(model), instance.__dict__
    keys = {mapper.get_property_by_column(column).key for column in mapper.primary_key}
    return {
        name: held[name]
        for name in mapper.column_attrs.keys()  # noqa: SIM118
        if name in held and not (name in keys and held[name] is None)
    }


def _settle(instance: Model) -> None:
    # The row is in the database: from here on the object is one that was read, not a new one.
    state = inspect(instance)
    if state.key is None and state.session is None:
        held = dict(state.dict)
        make_transient_to_detached(instance)
        for name, value in held.items():
            if name in state.mapper.column_attrs:
                set_committed_value(instance, name, value)
