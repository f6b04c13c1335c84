"""Relations loaded along with rows: one more SELECT for each step, whatever the number of rows."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy.orm import RelationshipDirection

from .._models import hydration
from .._models.hydration import mapper_of
from .._relations.edges import kind_of
from .._relations.late_adapter import hold
from .._relations.lazy import Related
from . import scopes, shapes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .._connections.direct import Straight
    from .._core import Core

# Keys in one SELECT: far below every database's limit of parameters, and few shapes to compile.
_KEYS = 500
_KEPT = "_mizzen_step"


class Step(NamedTuple):
    """A relation that one pair of columns makes."""

    name: str
    target: type[Any]
    near: str  # field of the rows at hand
    far: str  # field of the rows to load
    many: bool
    order: tuple[Any, ...]
    fixed: tuple[Any, ...]  # what else holds for the rows to load
    kind: type[Any] | None  # of list; None: SQLAlchemy's own
    back: str | None  # the relation of those rows to the rows at hand


def simple(model: type[Any], paths: Sequence[str]) -> bool:
    """Return whether every step of every path can be loaded by one pair of columns."""
    for path in paths:
        here: type[Any] = model
        for name in path.split("."):
            step = _step(here, name)
            if step is None:
                return False
            here = step.target
    return True


async def load(
    straight: Straight, database: Core, model: type[Any], rows: list[Any], paths: Sequence[str]
) -> None:
    """Load *paths* ("owner", "files.author") on *rows* of *model*."""
    onward: dict[str, list[str]] = {}
    for path in paths:
        name, _, rest = path.partition(".")
        onward.setdefault(name, []).extend([rest] if rest else [])
    for name, further in onward.items():
        step = _step(model, name)
        assert step is not None  # noqa: S101  (`simple` said so)
        found = await _targets(straight, database, step, rows)
        if further and found:
            await load(straight, database, step.target, found, further)
        _attach(step, rows, found)


async def _targets(straight: Straight, database: Core, step: Step, rows: list[Any]) -> list[Any]:
    from .fetching import found as fetch
    from .query import Query

    wanted = {row.__dict__[step.near] for row in rows} - {None}
    keys, found = list(wanted), list[Any]()
    every: Any = Query(step.target).unscoped()
    scoped = scopes.conditions(step.target)
    order = step.order or tuple(every._primary())
    if step.many:  # an index on the key then gives them in order; nothing is sorted
        order = (getattr(step.target, step.far), *order)
    for start in range(0, len(keys), _KEYS):
        among = shapes.among(step.target, step.far, keys[start : start + _KEYS])
        asked = every._with(_conditions=(among, *step.fixed, *scoped), _keys=order)
        found += await fetch(straight, database, asked)
    return found


def _attach(step: Step, rows: list[Any], found: list[Any]) -> None:
    near, name, far = step.near, step.name, step.far
    if not step.many:
        first = {other.__dict__[far]: other for other in reversed(found)}
        for row in rows:
            other = row.__dict__[name] = first.get(row.__dict__[near])
            if step.back is not None and other is not None:
                other.__dict__.setdefault(step.back, row)
        return
    by_key: defaultdict[Any, list[Any]] = defaultdict(list)
    for other in found:
        by_key[other.__dict__[far]].append(other)
    for row in rows:
        others = by_key.get(row.__dict__[near], ())
        hold(row, name, others, step.kind)
        if step.back is not None:
            for other in others:
                other.__dict__.setdefault(step.back, row)


def _step(model: type[Any], name: str) -> Step | None:
    relation: Any = mapper_of(model).relationships[name]
    kept: dict[str, Any] = relation.__dict__  # a new mapping has new relations
    if _KEPT not in kept:
        kept[_KEPT] = _found_step(model, name, relation)
    found: Step | None = kept[_KEPT]
    return found


def _found_step(model: type[Any], name: str, relation: Any) -> Step | None:
    pairs: list[Any] = list(relation.local_remote_pairs or ())
    target: type[Any] = relation.mapper.class_
    natural = relation.secondary is None and relation.entity.is_mapper
    if not natural or len(pairs) != 1 or not hydration.plain(target) or not hydration.plain(model):
        return None
    ((near, far),) = pairs
    # A condition of one's own in `primaryjoin` is more than an equality of two columns.
    equal = relation.primaryjoin.compare(far == near) or relation.primaryjoin.compare(near == far)
    fixed = () if equal else kind_of(model, name, target)
    if fixed is None:
        return None
    if relation.collection_class not in {None, list, Related}:
        return None
    order = tuple(relation.order_by) if relation.order_by else ()
    return Step(
        name,
        target,
        relation.parent.get_property_by_column(near).key,
        relation.mapper.get_property_by_column(far).key,
        relation.direction is RelationshipDirection.ONETOMANY and bool(relation.uselist),
        order,
        fixed,
        Related if relation.collection_class is Related else None,
        _back(relation) if equal else None,
    )


def _back(relation: Any) -> str | None:
    """Return the relation that leads back to the one row from each of those it leads to."""
    if relation.direction is not RelationshipDirection.ONETOMANY:
        return None
    for other in relation._reverse_property:
        if other.direction is RelationshipDirection.MANYTOONE and not other.uselist:
            return str(other.key)
    return None
