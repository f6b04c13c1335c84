"""Changing who belongs to a row, in the database first, and then in what is loaded already."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import and_, false, or_, select, tuple_
from sqlalchemy.orm.attributes import set_committed_value
from sqlalchemy.orm.collections import collection_adapter

from .._connections import sessions
from .._core import Core, current
from .._errors import Invalid, NotFound, NotUnique
from .._models.callbacks import callbacks_of
from .._models.hydration import Result, mapper_of, state_of
from .._queries.query import Query
from .annotated import class_of
from .edges import Key, Link, edge_of, tie_of
from .options import RelationInfo
from .polymorphic import hold

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .._models.model import Model


async def add(owner: Model, name: str, others: Sequence[Any]) -> None:
    """Let *others* belong to the collection *name* of *owner*."""
    edge, database = _begin(owner, name, others)
    async with sessions.transaction(database):
        for other in others:
            if state_of(other).key is None:
                await other.save()
        if isinstance(edge, Link):
            await _link(database, owner, edge, others)
        else:
            for other in others:
                await other.update(**edge.values(owner))
    _show(owner, name, added=others)


async def discard(owner: Model, name: str, others: Sequence[Any]) -> None:
    """Let *others* belong to the collection *name* of *owner* no more."""
    edge, database = _begin(owner, name, others)
    async with sessions.transaction(database):
        saved = [other for other in others if state_of(other).key is not None]
        if isinstance(edge, Link):
            await _unlink(database, owner, edge, saved)
        else:
            await _let_go(owner, name, edge, saved)
    _show(owner, name, dropped=others)


async def replace(owner: Model, name: str, others: Sequence[Any]) -> None:
    """Let exactly *others* belong to the collection *name* of *owner*."""
    _, database = _begin(owner, name, others)
    async with sessions.transaction(database):
        held = await query(owner, name).all()
        await discard(owner, name, [row for row in held if row not in others])
        await add(owner, name, [row for row in others if row not in held])


async def create(owner: Model, name: str, values: dict[str, Any]) -> Any:
    """Create a row that belongs to the collection *name* of *owner*."""
    edge, database = _begin(owner, name, ())
    async with sessions.transaction(database):
        if isinstance(edge, Key):
            made = await edge.target.create(**{**values, **edge.values(owner)})
        else:
            made = await edge.target.create(**values)
            await _link(database, owner, edge, [made])
    _show(owner, name, added=[made])
    return made


def query(owner: Model, name: str) -> Query[Any]:
    """Return the query for the rows of the collection *name* of *owner*."""
    database = _database_of(owner)
    _require_saved(owner)
    described: Any = mapper_of(type(owner)).relationships[name]
    target = described.mapper.class_
    begun: Query[Any] = Query(target, database=database).unscoped()
    if described.secondary is None:
        edge = cast("Key", tie_of(type(owner), name))
        wanted = edge.values(owner).items()
        return begun.where(and_(*(getattr(target, field) == value for field, value in wanted)))
    near = [
        there == getattr(owner, mapper_of(type(owner)).get_property_by_column(here).key)
        for here, there in described.synchronize_pairs
    ]
    pairs = described.secondary_synchronize_pairs
    mine = [
        getattr(target, mapper_of(target).get_property_by_column(here).key) for here, _ in pairs
    ]
    there: Any = select(*(there for _, there in pairs)).where(*near)
    return begun.where(tuple_(*mine).in_(there) if len(mine) > 1 else mine[0].in_(there))


async def _link(database: Core, owner: Model, edge: Link, others: Sequence[Any]) -> None:
    fields = [field for _, field in edge.far]
    found = await _links(database, owner, edge, others).pluck(*fields)
    held = {key if len(fields) > 1 else (key,) for key in found}
    wanted = dict.fromkeys(edge.key_of(other) for other in others)
    rows = [
        edge.values(owner) | dict(zip(fields, key, strict=True))
        for key in wanted
        if key not in held
    ]
    if not rows:
        return
    if not callbacks_of(edge.model) and database.engine.dialect.name in {"sqlite", "postgresql"}:
        await Query(edge.model, database=database).insert_all(rows, ignore=True)
        return
    for row in rows:
        try:
            async with sessions.transaction(database):
                await edge.model.create(**row)
        except NotUnique:
            # Somebody else linked them meanwhile.
            if not await Query(edge.model, database=database).where(**row).exists():
                raise


async def _unlink(database: Core, owner: Model, edge: Link, others: Sequence[Any]) -> None:
    links = _links(database, owner, edge, others)
    if not callbacks_of(edge.model):
        await links.delete_all()
        return
    for link in await links.all():
        await link.destroy()


async def _let_go(owner: Model, name: str, edge: Key, others: Sequence[Any]) -> None:
    info = type(owner).__relations__[name].info
    rule = info.dependent if isinstance(info, RelationInfo) else None
    held = edge.values(owner)
    # As the database has it: an object at hand may be older.
    for row in await query(owner, name).where(_are(edge.target, others)).all():
        if rule in {"destroy", "delete"}:
            await row.destroy()
            continue
        _require_optional(owner, name, edge)
        await row.update(**dict.fromkeys(held))
        for other in others:
            if other == row:
                for field in held:
                    set_committed_value(other, field, None)


def _are(model: type[Any], rows: Sequence[Any]) -> Any:
    mapper = mapper_of(model)
    names = [mapper.get_property_by_column(key).key for key in mapper.primary_key]
    return or_(
        false(),
        *(and_(*(getattr(model, name) == getattr(row, name) for name in names)) for row in rows),
    )


def _links(database: Core, owner: Model, edge: Link, others: Sequence[Any]) -> Query[Any]:
    keys = {edge.key_of(other) for other in others}
    fields = [getattr(edge.model, field) for _, field in edge.far]
    among = or_(
        false(), *(and_(*(f == part for f, part in zip(fields, key, strict=True))) for key in keys)
    )
    if len(fields) == 1:
        among = fields[0].in_([key[0] for key in keys])
    begun: Query[Any] = Query(edge.model, database=database).unscoped()
    return begun.where(among, **edge.values(owner))


def _show(
    owner: Model, name: str, *, added: Sequence[Any] = (), dropped: Sequence[Any] = ()
) -> None:
    """Bring what is loaded up to date, on both sides, without a pending change."""
    _change_loaded(owner, name, added, dropped)
    info = type(owner).__relations__[name].info
    if isinstance(info, RelationInfo) and info.as_:
        for other in (*added, *dropped):
            hold(
                other, class_of(other).__polymorphic__[info.as_], owner if other in added else None
            )
    back: str | None = mapper_of(type(owner)).relationships[name].back_populates
    if back is None:
        return
    for other in (*added, *dropped):
        if isinstance(other.__dict__.get(back), list):
            here = [owner]
            _change_loaded(other, back, here if other in added else (), here)
        elif back in vars(other):
            set_committed_value(other, back, owner if other in added else None)


def _change_loaded(owner: Model, name: str, added: Sequence[Any], dropped: Sequence[Any]) -> None:
    held: Any = vars(owner).get(name)
    if held is None:
        return
    adapter: Any = collection_adapter(held)
    pending: Any = state_of(owner).committed_state.get(name)
    before: list[Any] = _list(pending)
    for other in dropped:
        for here in [row for row in held if row == other]:
            adapter.remove_without_event(here)
        before[:] = [row for row in before if row != other]
    for other in added:
        if other not in held:
            adapter.append_without_event(other)
        if other not in before:
            before.append(other)


def _list(held: Any) -> list[Any]:
    return held if hasattr(held, "append") else []  # SQLAlchemy's symbols say: nothing known


def _begin(owner: Model, name: str, others: Sequence[Any]) -> tuple[Key | Link, Core]:
    _require_saved(owner)
    edge = edge_of(type(owner), name)
    for other in others:
        if not isinstance(other, edge.target):
            message = f"takes {edge.target.__name__} objects, not {type(other).__name__}"
            raise Invalid(
                f"{type(owner).__name__}.{name} {message}.",
                model=type(owner).__name__,
                errors=[{"field": name, "message": message, "type": "model_type"}],
            )
    return edge, _database_of(owner)


def _require_saved(owner: Model) -> None:
    if state_of(owner).key is None:
        model = type(owner).__name__
        raise NotFound(f"this {model} was never saved: save it first.", model=model)


def _require_optional(owner: Model, name: str, edge: Key) -> None:
    columns = mapper_of(edge.target).column_attrs
    for _, field in edge.pairs:
        if not columns[field].columns[0].nullable:
            message = f"{edge.target.__name__}.{field} can't be empty: destroy the row"
            raise Invalid(
                f"{type(owner).__name__}.{name}: {message}.",
                model=edge.target.__name__,
                errors=[{"field": field, "message": message, "type": "missing"}],
            )


def _database_of(owner: Model) -> Core:
    origin = getattr(owner, "_read", False)
    return origin.database if isinstance(origin, Result) else current()
