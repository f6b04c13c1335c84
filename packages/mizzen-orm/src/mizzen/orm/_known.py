"""The models this process knows, and what happens when one is defined again.

Every model has a SQLAlchemy registry of its own over one shared MetaData. Defining a model again
(same module and name: a notebook's cell run twice) disposes of the old mapping, and of those
related to it, and maps the related classes anew, so that every class at hand keeps working.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, Self, cast

from sqlalchemy import MetaData, Table
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import registry

from ._errors import ConfigurationError
from ._naming import CONSTRAINTS

if TYPE_CHECKING:
    from ._model import Model

_tables: dict[type, Table] = {}


class ModelSet:
    """Models that are known together; `with` makes it the known ones for the block."""

    def __init__(self) -> None:
        self.metadata: MetaData = MetaData(naming_convention=CONSTRAINTS)
        self.models: dict[tuple[str, str], type[Model]] = {}
        self._outer: list[ModelSet] = []

    def __enter__(self) -> Self:
        global _known
        self._outer.append(_known)
        _known = self
        return self

    def __exit__(self, *_error: object) -> None:
        global _known
        _known = self._outer.pop()


_known = ModelSet()


def metadata() -> MetaData:
    """Return the tables of the known models."""
    return _known.metadata


def models() -> list[type[Model]]:
    """Return every known model that is a table."""
    return list(_known.models.values())


def fresh_registry() -> registry:
    """Return a registry for one more model."""
    return registry(metadata=_known.metadata)


def table_of(model: type) -> Table:
    """Return the table of *model*."""
    return _tables[model]


def retire(module: str, name: str, table: str) -> list[type[Model]]:
    """Unmap the model that a definition of *name* replaces; return its relatives, mapped anew."""
    related: list[type[Model]] = []
    old = _known.models.pop((module, name), None)
    if old is not None:
        related = _related(old)
        for model in (old, *related):
            cast("Any", model)._sa_registry.dispose(cascade=True)
        _known.metadata.remove(_tables.pop(old))
        for model in related:
            _map_again(model)
    for model in _known.models.values():
        if table_of(model).name == table:
            raise ConfigurationError(
                f"{module}.{name}: the table {table!r} belongs to {model.__module__}."
                f'{model.__name__}; set `__tablename__ = "..."` on one of them.'
            )
    return related


def require(model: type) -> None:
    """Raise when *model* is no table, or is a class that a later definition has replaced."""
    if model not in _tables:
        again = (model.__module__, model.__name__) in _known.models
        why = "was defined again: use the new class" if again else "is not a table"
        raise ConfigurationError(f"{model.__name__} {why}.")


def remember(model: type[Model]) -> None:
    """Add a model, now mapped."""
    _tables[model] = cast("Any", model).__table__
    _known.models[model.__module__, model.__name__] = model


def awaken(related: list[type[Model]]) -> None:
    """Configure remapped models at once: objects read before can't even show a field otherwise."""
    if all(_is_known(wanted) for model in related for wanted in _targets(model)):
        for model in related:
            # What is wrong with a relation is said when it is used.
            with suppress(SQLAlchemyError, ConfigurationError):
                cast("Any", model)._sa_registry.configure(cascade=True)


def find(wanted: str | type, owner: type) -> type:
    """Return the model that *owner* means by *wanted*, as it is defined now."""
    if isinstance(wanted, type):
        return _known.models.get((wanted.__module__, wanted.__name__), wanted)
    near = _known.models.get((owner.__module__, wanted))
    named = (
        [near] if near else [model for model in _known.models.values() if model.__name__ == wanted]
    )
    if len(named) == 1:
        return named[0]
    if not named:
        raise ConfigurationError(
            f"{owner.__name__} has a relation to {wanted}, which is not defined (yet)."
        )
    modules = ", ".join(sorted(model.__module__ for model in named))
    raise ConfigurationError(
        f"{owner.__name__} has a relation to {wanted}, which is defined in {modules}: "
        "import the one that is meant, and annotate with the class."
    )


def _related(model: type[Model]) -> list[type[Model]]:
    found: list[type[Model]] = [model]
    for near in found:
        for other in _known.models.values():
            if other not in found and (_points(other, near) or _points(near, other)):
                found.append(other)
    return found[1:]


def _points(source: type[Model], target: type[Model]) -> bool:
    return target.__name__ in _targets(source)


def _targets(model: type[Model]) -> set[str]:
    return {
        str(getattr(wanted, "__name__", wanted))
        for relation in model.__relations__.values()
        for wanted in (relation.target, relation.info.link_model)
        if wanted is not None
    }


def _is_known(name: str) -> bool:
    return any(model.__name__ == name for model in _known.models.values())


def _map_again(model: type[Model]) -> None:
    fresh = fresh_registry()
    type.__setattr__(model, "_sa_registry", fresh)
    type.__setattr__(model, "__table__", table_of(model))
    for column in table_of(model).columns:
        type.__setattr__(model, column.key, column)
    for name, relation in model.__relations__.items():
        type.__setattr__(model, name, relation.build(model))
    fresh.map_declaratively(model)
