"""Loading what polymorphic relations refer to: one query for each model, whatever the rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._errors import UnknownName, Unreadable
from .._models.hydration import mapper_of
from . import polymorphic
from .annotated import class_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from .._core import Core
    from .polymorphic import Polymorphic

_KEYS = 500


def split(
    model: type[Any], paths: Iterable[object]
) -> tuple[list[object], list[tuple[str, str, str]]]:
    """Return the paths that lead over keys only, and (way there, name, way on) of the others."""
    from .._queries.lookups import relation

    plain: list[object] = []
    later: list[tuple[str, str, str]] = []
    for given in paths:
        path = given
        if isinstance(given, polymorphic.PolymorphicAttribute):
            path = given.relation.name
        here, way = model, list[str]()
        names = path.split(".") if isinstance(path, str) else []
        for number, name in enumerate(names):
            if name in here.__polymorphic__:
                later.append((".".join(way), name, ".".join(names[number + 1 :])))
                break
            here = relation(here, name).property.mapper.class_
            way.append(name)
        else:
            plain.append(path)
            continue
        if way:
            plain.append(".".join(way))
    return plain, later


async def include(
    database: Core, rows: Sequence[Any], later: Iterable[tuple[str, str, str]]
) -> None:
    """Load polymorphic relations of *rows*, or of what was loaded with them."""
    onward: dict[tuple[str, str], list[str]] = {}
    for way, name, rest in later:
        onward.setdefault((way, name), []).extend([rest] if rest else [])
    for (way, name), paths in onward.items():
        found = _reached(rows, way.split(".") if way else [])
        if found:
            owner = class_of(found[0])
            await load(database, owner, found, owner.__polymorphic__[name], paths)


async def load(
    database: Core,
    owner: type[Any],
    rows: Sequence[Any],
    relation: Polymorphic,
    paths: Sequence[str] = (),
) -> None:
    """Load *relation* on *rows*, and *paths* on what it refers to, where that has them."""
    models = relation.models(owner)
    wanted: dict[str, list[Any]] = {}
    for row in rows:
        kind, key = relation.current(row)
        if kind is None or key is None:
            polymorphic.hold(row, relation, None)
        elif kind not in models:
            raise Unreadable(
                f"a {owner.__name__} has {relation.type_field} {kind!r}, but {relation.name} is "
                f"one of {', '.join(models)}: add the model, or correct the row."
            )
        else:
            wanted.setdefault(kind, []).append(row)
    chosen = _chosen(relation, {kind: models[kind] for kind in wanted}, models, paths)
    for kind, here in wanted.items():
        others = await _by_key(database, models[kind], _keys(relation, here), chosen[kind])
        for row in here:
            polymorphic.hold(row, relation, others.get(relation.current(row)[1]))


async def lazily(database: Core, owner: Any, siblings: list[Any], relation: Polymorphic) -> Any:
    """Load *relation* of *owner*, and of its siblings that don't have it."""
    held = _held(owner, relation)
    if held is None or (held.kind, held.key) != relation.current(owner):
        rows = [row for row in siblings if relation.name not in row.__dict__]
        await load(database, class_of(owner), [owner, *rows], relation)
    found = _held(owner, relation)
    for row in (owner, *siblings):
        # Stays unloaded when there is none: the next `await` must find something to await.
        if (mine := _held(row, relation)) is not None and mine.value is None:
            del vars(row)[relation.name]
    return None if found is None else found.value


def _held(row: Any, relation: Polymorphic) -> polymorphic.Held | None:
    held: polymorphic.Held | None = row.__dict__.get(relation.name)
    return held


def _keys(relation: Polymorphic, rows: list[Any]) -> list[Any]:
    return list(dict.fromkeys(relation.current(row)[1] for row in rows))


async def _by_key(
    database: Core, model: type[Any], keys: list[Any], paths: Sequence[str]
) -> dict[Any, Any]:
    from .._queries.query import Query

    mapper = mapper_of(model)
    name = mapper.get_property_by_column(mapper.primary_key[0]).key
    query: Any = Query(model, database=database).unscoped().include(*paths)
    found: dict[Any, Any] = {}
    for start in range(0, len(keys), _KEYS):
        part = getattr(model, name).in_(keys[start : start + _KEYS])
        found |= {getattr(row, name): row for row in await query.where(part).all()}
    return found


def _chosen(
    relation: Polymorphic,
    wanted: dict[str, type[Any]],
    models: dict[str, type[Any]],
    paths: Sequence[str],
) -> dict[str, list[str]]:
    """Return for each model those of *paths* that it has; one that nobody has is an error."""
    for path in paths:
        first = path.partition(".")[0]
        if not any(_has(model, first) for model in models.values()):
            raise UnknownName(
                f"{relation.owner}.{relation.name}: none of {', '.join(models)} has a relation "
                f"{first!r}.",
                name=first,
            )
    return {
        kind: [path for path in paths if _has(model, path.partition(".")[0])]
        for kind, model in wanted.items()
    }


def _has(model: type[Any], name: str) -> bool:
    return name in model.__relations__ or name in model.__polymorphic__


def _held_by(row: Any, name: str) -> list[Any]:
    loaded: Any = row.__dict__.get(name)
    many = mapper_of(class_of(row)).relationships[name].uselist
    return [one for one in (loaded or () if many else (loaded,)) if one is not None]


def _reached(rows: Sequence[Any], way: list[str]) -> list[Any]:
    found: dict[int, Any] = {id(row): row for row in rows}
    for name in way:
        there: dict[int, Any] = {}
        for row in found.values():
            there |= {id(one): one for one in _held_by(row, name)}
        found = there
    return list(found.values())
