"""Relations that lead over other relations: `groups` through `memberships`, and any chain.

A chain of joins stands between the two tables as one subquery of key pairs, so that `include`,
`join` and look-ups treat it as a link table; whatever the relations on the way are like.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import and_, select
from sqlalchemy.orm import RelationshipDirection, aliased

from .._errors import ConfigurationError, Invalid
from .._models.hydration import mapper_of
from .annotated import name_of

if TYPE_CHECKING:
    from sqlalchemy.orm import RelationshipProperty

    from .declared import Relation


class _Ends(NamedTuple):
    pairs: Any  # the subquery: a row for each way from an owner to a target
    near: Any  # owner's columns = the subquery's
    far: Any  # target's columns = the subquery's


def options(relation: Relation, owner: type[Any]) -> dict[str, Any]:
    """Return what makes SQLAlchemy read *relation* through others."""

    @cache
    def ends() -> _Ends:
        return _ends(relation, owner)

    return {
        "viewonly": True,
        "secondary": lambda: ends().pairs,
        "primaryjoin": lambda: ends().near,
        "secondaryjoin": lambda: ends().far,
    }


def chain(relation: Relation, owner: type[Any]) -> list[tuple[type[Any], str]]:
    """Return the relations on the way, each with the model that it begins at."""
    from .._models.known import find

    here, found = owner, list[tuple[type[Any], str]]()
    target = find(relation.target, owner)
    for name in (relation.through or "").split("."):
        here = _follow(relation, owner, here, name, found)
    if here is not target:
        here = _follow(relation, owner, here, _source(relation, owner, here, target), found)
    if here is not target or len(found) < 2:
        raise ConfigurationError(
            f"{owner.__name__}.{relation.name}: through={relation.through!r} leads to "
            f"{here.__name__}, not over other rows to {target.__name__}."
        )
    return found


def refuse_assignment(model: type[Any], name: str) -> None:
    """Raise `Invalid` when *name* is only read, through other relations."""
    relation = model.__relations__.get(name)
    if relation is None or not relation.through:
        return
    message = f"is read through {relation.through}"
    raise Invalid(
        f"{model.__name__} is not valid: {name}: {message}: change those rows instead.",
        model=model.__name__,
        errors=[{"field": name, "message": message, "type": "read_only"}],
    )


def _follow(
    relation: Relation,
    owner: type[Any],
    here: Any,
    name: str,
    found: list[tuple[type[Any], str]],
) -> type[Any]:
    from .._models.known import find

    step = here.__relations__.get(name)
    if step is None or (here is owner and name == relation.name):
        known = ", ".join(here.__relations__) or "none"
        raise ConfigurationError(
            f"{owner.__name__}.{relation.name}: through={relation.through!r}: {here.__name__} has "
            f"no relation {name!r} to go over; its relations are {known}."
        )
    found.append((here, name))
    return find(step.target, here)


def _source(relation: Relation, owner: type[Any], here: Any, target: type[Any]) -> str:
    """Return the relation of the model on the way that leads to the target."""
    leading: list[str] = [
        name for name, step in here.__relations__.items() if name_of(step.target) == target.__name__
    ]
    alike = [
        name for name in leading if name == relation.name or f"{name}s" == relation.name
    ] or leading
    if len(alike) != 1:
        many = f"several relations to {target.__name__} ({', '.join(alike)})"
        said = many if alike else f"no relation to {target.__name__}"
        raise ConfigurationError(
            f"{owner.__name__}.{relation.name}: {here.__name__} has {said}: name the whole way, "
            f'as in through="{relation.through}.{alike[0] if alike else "…"}".'
        )
    return alike[0]


def _ends(relation: Relation, owner: type[Any]) -> _Ends:
    way = [_property(model, name) for model, name in chain(relation, owner)]
    first, last = single(way[0]), single(way[-1])
    # An end whose key stands in the rows on the way needs no table of its own.
    without_owner = first is not None
    without_target = last is not None and way[-1].direction is RelationshipDirection.MANYTOONE
    start = mapper_of(owner)
    here: Any = aliased(way[0].mapper.class_ if without_owner else start.class_)
    source = here
    joins: list[Any] = []
    steps = way[1:] if without_owner else way
    for number, step in enumerate(steps):
        if without_target and number == len(steps) - 1:
            break
        there: Any = aliased(step.mapper.class_)
        joins.append(getattr(here, step.key).of_type(there))
        here = there
    near = [first[1]] if first else list(start.primary_key)
    far = [last[0]] if last and without_target else list(way[-1].mapper.primary_key)
    begin = _aliased(source, near, way[0].mapper if first else start, "near")
    end = _aliased(here, far, way[-1].parent if without_target else way[-1].mapper, "far")
    statement: Any = select(*begin, *end).select_from(source)
    for join in joins:
        statement = statement.join(join)
    pairs = statement.subquery(f"{mapper_of(owner).local_table.name}_{relation.name}")
    own = [first[0]] if first else near
    others = [last[1]] if last and without_target else far
    return _Ends(
        pairs,
        and_(*(column == pairs.c[f"near_{n}"] for n, column in enumerate(own))),
        and_(*(column == pairs.c[f"far_{n}"] for n, column in enumerate(others))),
    )


def single(relation: RelationshipProperty[Any]) -> tuple[Any, Any] | None:
    """Return the pair of columns (near, far) whose equality is all of *relation*, or None."""
    pairs: list[Any] = list(relation.local_remote_pairs or ())
    if relation.secondary is not None or len(pairs) != 1 or not relation.entity.is_mapper:
        return None
    ((near, far),) = pairs
    # A condition of one's own in `primaryjoin` is more than an equality of two columns.
    same = relation.primaryjoin.compare(far == near) or relation.primaryjoin.compare(near == far)
    return (near, far) if same else None


def _aliased(entity: Any, columns: list[Any], mapper: Any, name: str) -> list[Any]:
    return [
        getattr(entity, mapper.get_property_by_column(column).key).label(f"{name}_{number}")
        for number, column in enumerate(columns)
    ]


def _property(model: type[Any], name: str) -> Any:
    """Return SQLAlchemy's relation, set up before its turn while mappers are being configured."""
    found: Any = mapper_of(model)._props[name]
    if not found._configure_started:
        found.init()
    elif not found._configure_finished:
        raise ConfigurationError(f"{model.__name__}.{name} leads through itself.")
    return found
