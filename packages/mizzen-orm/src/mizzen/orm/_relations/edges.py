"""What ties rows to the row they belong to: keys of their own, or rows of a link model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy.orm import RelationshipDirection

from .._errors import ConfigurationError, UnknownName
from .._models.hydration import mapper_of
from . import through
from .options import RelationInfo

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .._models.model import Model

# Fields of the row, and of the other row or the link, that are equal.
Pairs = list[tuple[str, str]]


class Key(NamedTuple):
    """The rows refer to their owner; `fixed` are values that they all have."""

    target: type[Any]
    pairs: Pairs
    fixed: dict[str, Any]

    def values(self, owner: Model) -> dict[str, Any]:
        """Return the fields of a row that belongs to *owner*."""
        return {far: getattr(owner, near) for near, far in self.pairs} | self.fixed


class Link(NamedTuple):
    """Rows of *model* refer to both sides."""

    target: type[Any]
    model: type[Any]
    near: Pairs
    far: Pairs

    def values(self, owner: Model) -> dict[str, Any]:
        """Return the fields of a link that refer to *owner*."""
        return {field: getattr(owner, near) for near, field in self.near}

    def key_of(self, other: Model) -> tuple[Any, ...]:
        """Return the values of a link that refer to *other*."""
        return tuple(getattr(other, field) for field, _ in self.far)


def edge_of(model: type[Any], name: str) -> Key | Link:
    """Return what ties the rows of a collection; raises `ConfigurationError` if nothing plain."""
    described: Any = mapper_of(model).relationships.get(name)
    if described is None or not described.uselist:
        raise UnknownName(f"{model.__name__}.{name} is one row, not a collection: assign it.")
    return tie_of(model, name)


def tie_of(model: type[Any], name: str) -> Key | Link:
    """Return what ties the rows of a relation, to many or to one."""
    relation = model.__relations__[name]
    described: Any = mapper_of(model).relationships[name]
    if relation.through:
        return _over(model, name, relation)
    target = described.mapper.class_
    if described.secondary is None:
        return Key(target, _pairs(model, target, described), _fixed(model, target, relation.info))
    return _linked(model, name, described, relation.info.link_model)


def _linked(model: type[Any], name: str, described: Any, link_model: Any) -> Link:
    from .._models.known import find

    if link_model is None:
        raise ConfigurationError(
            f"{model.__name__}.{name} has a link table, but no link_model: assign the list, and "
            "save."
        )
    link, target = find(link_model, model), described.mapper.class_
    return Link(
        target,
        link,
        _named(model, link, described.synchronize_pairs),
        _named(target, link, described.secondary_synchronize_pairs),
    )


def _over(model: type[Any], name: str, relation: Any) -> Link:
    way = [mapper_of(here).relationships[step] for here, step in through.chain(relation, model)]
    plain = (
        len(way) == 2
        and all(through.single(step) is not None for step in way)
        and way[0].direction is RelationshipDirection.ONETOMANY
        and way[1].direction is RelationshipDirection.MANYTOONE
    )
    if not plain:
        raise ConfigurationError(
            f"{model.__name__}.{name} is read through {relation.through}, which is more than a "
            "link: change those rows instead."
        )
    link, target = way[0].mapper.class_, way[1].mapper.class_
    far = [(there, here) for here, there in _pairs(link, target, way[1])]
    return Link(target, link, _pairs(model, link, way[0]), far)


def _pairs(model: type[Any], target: type[Any], described: Any) -> Pairs:
    return _named(model, target, described.local_remote_pairs)


def _named(model: type[Any], other: type[Any], pairs: Iterable[tuple[Any, Any]]) -> Pairs:
    mine, theirs = mapper_of(model), mapper_of(other)
    return [
        (mine.get_property_by_column(near).key, theirs.get_property_by_column(far).key)
        for near, far in pairs
    ]


def kind_of(model: type[Any], name: str, target: type[Any]) -> tuple[Any, ...] | None:
    """Return what, beside the key, all rows of a polymorphic collection have; None: no such one."""
    relation = model.__relations__.get(name)
    found = {} if relation is None else _fixed(model, target, relation.info)
    return tuple(getattr(target, field) == value for field, value in found.items()) or None


def _fixed(model: type[Any], target: type[Any], info: object) -> dict[str, Any]:
    if not isinstance(info, RelationInfo) or not info.as_:
        return {}
    polymorphic = target.__polymorphic__[info.as_]
    return {polymorphic.type_field: polymorphic.name_for(model)}
