"""What happens when a model is defined again: same module and name, as a notebook's cell run twice.

The old mapping is disposed of, and so are those related to it; the related classes are mapped anew,
so that every class at hand keeps working. What inherits from a replaced class is taken out with it:
its base is a class of the past.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, cast

from sqlalchemy.exc import SQLAlchemyError

from .._errors import ConfigurationError
from .._relations import joins
from .._relations.lazy import make_lazy
from . import family, heirs, known

if TYPE_CHECKING:
    from .._relations.declared import Relation
    from .._relations.polymorphic import Polymorphic
    from .model import Model


def retire(module: str, name: str, table: str | None) -> list[type[Model]]:
    """Unmap the model that a definition of *name* replaces; return its relatives, mapped anew."""
    related: list[type[Model]] = []
    old = known.named(module, name)
    if old is not None:
        gone = [model for model in known.models() if issubclass(model, old)]
        related = [model for model in _related(old) if model not in gone]
        for model in (*gone, *related):
            cast("Any", model)._sa_registry.dispose(cascade=True)
        for model in reversed(gone):  # heirs first
            _take_out(model)
        for model in sorted(related, key=lambda model: len(model.__mro__)):  # bases first
            _map_again(model)
    for model in known.models():
        if known.table_of(model).name == table:
            raise ConfigurationError(
                f"{module}.{name}: the table {table!r} belongs to {model.__module__}."
                f'{model.__name__}; set `__tablename__ = "..."` on one of them.'
            )
    return related


def awaken(related: list[type[Model]]) -> None:
    """Configure remapped models at once: objects read before can't even show a field otherwise."""
    if all(known.is_known(wanted) for model in related for wanted in _targets(model)):
        for model in related:
            # What is wrong with a relation is said when it is used.
            with suppress(SQLAlchemyError, ConfigurationError):
                cast("Any", model)._sa_registry.configure(cascade=True)


def _related(model: type[Model]) -> list[type[Model]]:
    found: list[type[Model]] = [model]
    for near in found:
        for other in known.models():
            if other not in found and (
                _points(other, near)
                or _points(near, other)
                or family.root_of(other) is family.root_of(near)
            ):
                found.append(other)
    return found[1:]


def _points(source: type[Model], target: type[Model]) -> bool:
    return target.__name__ in _targets(source)


def _targets(model: type[Model]) -> set[str]:
    declared: list[Relation | Polymorphic] = [
        *model.__relations__.values(),
        *model.__polymorphic__.values(),
    ]
    return {
        str(getattr(wanted, "__name__", wanted))
        for relation in declared
        for wanted in (*relation.targets, relation.info.link_model)
        if wanted is not None
    }


def _take_out(model: type[Model]) -> None:
    table = known.forget(model)
    if family.has_table(model):
        table.metadata.remove(table)
        return
    shared = {column for other in known.models() for column in family.own_columns(other).values()}
    for column in family.own_columns(model).values():
        if column not in shared:
            heirs.remove_column(table, column)


def _map_again(model: type[Model]) -> None:
    registry = known.registry_for(model)
    type.__setattr__(model, "_sa_registry", registry)
    columns = family.own_columns(model)
    for name, column in columns.items():
        type.__setattr__(model, name, column)
    if family.table_parent(model) is not None:
        heirs.map_heir_again(model, known.table_of(model))
    else:
        type.__setattr__(model, "__table__", known.table_of(model))
        for name, relation in model.__relations__.items():
            type.__setattr__(model, name, relation.build(model))
        with heirs.own_columns_only(model, columns):
            registry.map_declaratively(model)
    make_lazy(model)
    joins.watch(model)
