"""Soft delete: a row is marked instead of deleted, and hidden from then on until it is restored.

What a destroyed row takes along (`cascade_delete`, `dependent`) gets the same mark, by which
`restore` finds it again.
"""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime  # noqa: TC003  (a field's type)
from typing import TYPE_CHECKING, Any, Self, cast

from sqlalchemy import inspect
from sqlalchemy.orm import with_parent
from sqlalchemy.orm.attributes import set_attribute
from sqlmodel import Field

from .._connections import sessions
from .._core import current
from .._errors import NotFound
from .._queries.query import Query
from . import lifecycle, writing
from .callbacks import callbacks_of
from .dirty import changes_of
from .hydration import mapper_of
from .model import Model
from .timestamps import now

if TYPE_CHECKING:
    from collections.abc import Generator

    from .._core import Core

_mark: ContextVar[datetime | None] = ContextVar("mizzen_orm_deletion", default=None)


class SoftDelete(Model, table=False):
    """Mix into a model: `destroy` and `delete_all` mark rows, and every other path hides them.

    Unique fields hold for rows that are not deleted, so that a name can be used again.
    """

    __soft_delete__ = True
    deleted_at: datetime | None = Field(default=None, index=True)

    async def destroy(self, *, hard: bool = False) -> None:
        """Mark this row as deleted, or really delete it with *hard*; callbacks run either way.

        Its changes that were not saved yet are saved along. Rows that a relation with
        `cascade_delete` leads to are marked, too, where their model is a SoftDelete.
        """
        if hard:
            await super().destroy()
            return
        pending = "deleted_at" in changes_of(self)
        if inspect(self).key is None or (self.deleted_at is not None and not pending):
            raise NotFound(f"this {type(self).__name__} is not there to be destroyed.")
        database = current()
        with marking():
            if callbacks_of(type(self)):
                await lifecycle.destroy(self, database, _mark_all)
            else:
                async with sessions.transaction(database):
                    await _mark_all(self, database)

    async def restore(self) -> Self:
        """Bring this row back, and those that were marked along with it.

        Raises `NotUnique` when another row has taken its name meanwhile.
        """
        if self.deleted_at is None:
            return self
        async with sessions.transaction(current()):
            await _restore(self)
        return self

    @classmethod
    def with_deleted(cls) -> Query[Self]:
        """Return the query for every row; see `Query.with_deleted`."""
        return Query(cls).with_deleted()

    @classmethod
    def only_deleted(cls) -> Query[Self]:
        """Return the query for the rows marked as deleted."""
        return Query(cls).only_deleted()


@contextmanager
def marking() -> Generator[datetime]:
    """Give everything that is marked in the block one time."""
    stamp = _mark.get() or now()
    token = _mark.set(stamp)
    try:
        yield stamp
    finally:
        _mark.reset(token)


async def _mark_all(instance: Any, database: Core) -> None:
    set_attribute(instance, "deleted_at", _mark.get())
    await writing.flush(instance, database)
    model = cast("Any", type(instance))
    for name in _relations(model, {"cascade_delete"}):
        for child in await _children(instance, name):
            await child.destroy()


async def _restore(instance: Any) -> None:
    model = cast("Any", type(instance))
    keys = dict(zip(_key_names(model), inspect(instance).identity or (), strict=True))
    # As the database has it: some keep no fractions of a second.
    asked = Query(model).unscoped().with_deleted().where(**keys)
    (stamp,) = await asked.pluck("deleted_at") or [None]
    if stamp is None:
        raise NotFound(f"this {model.__name__} is not there to be restored.")
    await instance.update(deleted_at=None)
    for name in _relations(model, {"cascade_delete", "dependent"}):
        for child in await _children(instance, name, deleted_at=stamp):
            await _restore(child)


async def _children(instance: Any, name: str, **lookups: Any) -> list[Any]:
    model = cast("Any", type(instance))
    target = _target(model, name)
    query = Query(target).unscoped().where(with_parent(instance, getattr(model, name)))
    if lookups:
        query = query.only_deleted().where(**lookups)
    return list(await query)


def _relations(model: type[Any], wanted: set[str]) -> list[str]:
    """Return the relations that lead to rows which are marked with their owner."""
    return [
        name
        for name, relation in model.__relations__.items()
        if any(getattr(relation.info, option, None) for option in wanted)
        and bool(_target(model, name).__soft_delete__)
    ]


def _target(model: type[Any], name: str) -> Any:
    return mapper_of(model).relationships[name].mapper.class_


def _key_names(model: type[Any]) -> list[str]:
    mapper = mapper_of(model)
    return [mapper.get_property_by_column(column).key for column in mapper.primary_key]
