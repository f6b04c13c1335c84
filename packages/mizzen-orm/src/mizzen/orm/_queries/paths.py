"""Relations as a query names them: by name, by attribute or by the model at their other end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import inspect
from sqlalchemy.orm import InstrumentedAttribute, RelationshipProperty, selectinload

from .._errors import UnknownName
from . import scopes
from .lookups import relation

if TYPE_CHECKING:
    from .._models.model import Model


def relation_to(model: type[Model], joins: tuple[Any, ...], other: object) -> Any:
    """Return the relation that leads from *model*, or what it is joined to, to *other*."""
    if isinstance(other, str):
        return relation(model, other)
    if isinstance(other, InstrumentedAttribute):
        return _relation_of(model, cast("Any", other))
    sources: list[Any] = [model, *(made.property.mapper.class_ for made in joins)]
    for source in sources:
        found = [
            name
            for name, made in inspect(source).relationships.items()
            if made.mapper.class_ is other
        ]
        if len(found) == 1:
            return getattr(source, found[0])
        if found:
            raise UnknownName(
                f"{source.__name__} has several relations to {other!r}: "
                f"join one by name ({', '.join(found)})."
            )
    name = getattr(other, "__name__", repr(other))
    raise UnknownName(f"{model.__name__} has no relation to {name}.")


def _relation_of(model: type[Model], attribute: Any) -> Any:
    if isinstance(getattr(attribute, "property", None), RelationshipProperty):
        return attribute
    known = ", ".join(inspect(model).relationships.keys()) or "none"
    raise UnknownName(
        f"{model.__name__}: {attribute!s} is no relation; its relations are {known}.",
        model=model.__name__,
    )


def checked(model: type[Model], path: object) -> Any:
    """Return *path*, a name whose steps are known or an attribute that must be a relation."""
    return path if isinstance(path, str) else _relation_of(model, cast("Any", path))


def load(model: type[Model], path: object) -> Any:
    """Return SQLAlchemy's option that loads *path* ("files.author") along."""
    if not isinstance(path, str):
        return selectinload(cast("Any", path))
    here: Any = model
    made: Any = None
    for name in path.split("."):
        step = relation(here, name)
        within = scopes.joined(step)
        made = selectinload(within) if made is None else made.selectinload(within)
        here = step.property.mapper.class_
    return made
