"""Loading one relation for an object and for those that were read along with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import inspect, select, tuple_
from sqlalchemy.orm import aliased
from sqlalchemy.orm.attributes import set_committed_value
from sqlalchemy.sql.util import ClauseAdapter

from .._connections import sessions
from .._core import current
from .._errors import NotFound
from .._models.hydration import Result, mapper_of, state_of
from .._queries import including, scopes
from .._queries.fetching import straight_to
from .._queries.lookups import relation
from .._watching.source import loading
from . import polymorphic_loading
from .lazy import Lazy, refuse_if_strict

if TYPE_CHECKING:
    from .._core import Core
    from .._models.model import Model

_KEYS = 500


async def load_relation(owner: Model, name: str) -> Any:
    """Return the relation *name* of *owner*; its siblings without one get theirs, too."""
    model: type[Any] = type(owner)
    if name in model.__polymorphic__:
        return await _load_polymorphic(owner, name)
    relation(model, name)  # raises for a name that is no relation
    if name in vars(owner):
        return vars(owner)[name]
    if state_of(owner).key is None:
        raise NotFound(f"this {model.__name__} was never saved: save it first.")
    refuse_if_strict(owner, Lazy(owner, name))
    origin = getattr(owner, "_read", False)
    database = origin.database if isinstance(origin, Result) else None
    rows: list[Any] = [owner]
    if isinstance(origin, Result):
        rows += [row for row in _siblings(owner, origin) if name not in row.__dict__]
    token = loading.set(f"{model.__name__}.{name}")
    try:
        await _load(database or current(), model, rows, name)
    finally:
        loading.reset(token)
    found = vars(owner).get(name)
    if found is None and mapper_of(model).relationships[name].uselist is False:
        # Stays unloaded: the next `await` must find something to await, and None is not.
        vars(owner).pop(name, None)
    return found


async def _load_polymorphic(owner: Model, name: str) -> Any:
    origin = getattr(owner, "_read", False)
    read = origin if isinstance(origin, Result) else None
    siblings = [row for row in read.rows() if row is not owner] if read is not None else []
    database = read.database if read is not None else current()
    if name not in vars(owner):
        refuse_if_strict(owner, Lazy(owner, name))
    token = loading.set(f"{type(owner).__name__}.{name}")
    try:
        described = type(owner).__polymorphic__[name]
        return await polymorphic_loading.lazily(database, owner, siblings, described)
    finally:
        loading.reset(token)


def _siblings(owner: Model, origin: Result) -> list[Any]:
    """Return what was read along with *owner*; of tenants' rows only those of the same one."""
    rows = [row for row in origin.rows() if row is not owner]
    key = type(owner).__tenant_key__
    if key is None:
        return rows
    whose = vars(owner).get(key)
    return [row for row in rows if row.__dict__.get(key) == whose]


async def _load(database: Core, model: type[Any], rows: list[Any], name: str) -> None:
    straight = straight_to(database, model)
    if straight is not None and including.simple(model, [name]):
        await including.load(straight, database, model, rows, [name])
        for row in rows:
            if row.__dict__.get(name, row) is None:
                del row.__dict__[name]
        return
    for start in range(0, len(rows), _KEYS):
        await _join(database, model, rows[start : start + _KEYS], name)


async def _join(database: Core, model: type[Any], rows: list[Any], name: str) -> None:
    """Load any kind of relation, through the session: the transaction's, if there is one."""
    described: Any = mapper_of(model).relationships[name]
    target: Any = aliased(described.mapper.class_)
    keys = [
        mapper_of(model).get_property_by_column(key).key for key in mapper_of(model).primary_key
    ]
    columns = [getattr(model, key) for key in keys]
    wanted = [tuple(row.__dict__[key] for key in keys) for row in rows]
    among: Any = tuple_(*columns) if len(columns) > 1 else columns[0]
    statement: Any = (
        select(*columns, target)
        .join(getattr(model, name).of_type(target))
        .where(among.in_(wanted if len(columns) > 1 else [key for (key,) in wanted]))
        .where(*_scoped(described.mapper.class_, target))
    )
    order = described.order_by or described.mapper.primary_key
    adapted = [getattr(target, described.mapper.get_property_by_column(key).key) for key in order]
    found: dict[tuple[Any, ...], list[Any]] = {}
    async with sessions.reader(database) as session:
        for row in await session.execute(statement.order_by(*adapted)):
            found.setdefault(tuple(row[:-1]), []).append(row[-1])
    for row, key in zip(rows, wanted, strict=True):
        others = found.get(key, [])
        if described.uselist:
            set_committed_value(row, name, others)
        elif others:
            set_committed_value(row, name, others[0])


def _scoped(model: type[Any], alias: Any) -> list[Any]:
    adapter = ClauseAdapter(inspect(alias).selectable)
    return [adapter.traverse(condition) for condition in scopes.conditions(model)]
