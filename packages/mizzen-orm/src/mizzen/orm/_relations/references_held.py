"""Whom a row refers to as the database has it, when that is about to change.

An object at hand may be older than its row: another writer may have moved it meanwhile, and a
counter would be taken from the wrong parent. So the row is read again, and locked, before it moves
or goes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from .._connections import sessions
from .._core import current
from .._models.dirty import changes_of, values_of
from .._models.hydration import mapper_of, state_of
from .._queries import filters

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .._models.model import Model

_KEPT = "mizzen_orm_references"


async def keep(instance: Model, fields: Sequence[str]) -> None:
    """Remember what the row holds in *fields*, if an update is about to change one of them."""
    if not changes_of(instance).keys().isdisjoint(fields):
        state_of(instance).info[_KEPT] = (await read(instance, fields), values_of(instance))


def take(instance: Model) -> dict[str, Any]:
    """Return what `keep` remembered for the update that was just done."""
    held, meant = state_of(instance).info.pop(_KEPT, ({}, {}))
    present = values_of(instance)
    # What was kept for an update that failed, and was given up, is about nothing.
    return {name: old for name, old in held.items() if meant.get(name) == present.get(name)}


async def read(instance: Model, fields: Sequence[str]) -> dict[str, Any]:
    """Return what the row holds in *fields*, locked until the transaction ends; {}: it is gone."""
    model, state = type(instance), state_of(instance)
    keys = zip(mapper_of(model).primary_key, state.identity or (), strict=True)
    asked: Any = select(*(getattr(model, name) for name in fields)).with_for_update()
    asked = asked.where(*(column == part for column, part in keys))
    if model.__soft_delete__:
        asked = filters.with_deleted(asked, model)
    async with sessions.writer(current()) as session:
        with session.no_autoflush:  # the change itself is not to be read
            found = (await session.execute(asked)).first()
    return {} if found is None else dict(zip(fields, found, strict=True))
