"""The models this process knows: their classes, tables and columns, found by class or by name.

Every model has a SQLAlchemy registry of its own over one shared MetaData. What happens when a model
is defined again is in `replacing`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from sqlalchemy import MetaData, Table
from sqlalchemy.orm import registry
from sqlalchemy.sql import ddl

from .._errors import ConfigurationError
from .family import table_parent
from .hydration import mapper_of
from .naming import CONSTRAINTS

if TYPE_CHECKING:
    from .model import Model

_tables: dict[type, Table] = {}


class _Tables(MetaData):
    """Tables that may refer to one another in a circle; SQLAlchemy would warn of that."""

    @property
    def sorted_tables(self) -> list[Table]:
        return sorted_tables(self)


class ModelSet:
    """Models that are known together; `with` makes it the known ones for the block."""

    def __init__(self) -> None:
        self.metadata: MetaData = _Tables(naming_convention=CONSTRAINTS)
        self.models: dict[tuple[str, str], type[Model]] = {}
        self.past: dict[tuple[str, str], type[Model]] = {}  # until they are defined again
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


def sorted_tables(metadata: MetaData) -> list[Table]:
    """Return the tables, each after those that it refers to, as far as there is such an order."""
    sort: Any = vars(ddl)["sort_tables_and_constraints"]  # untyped
    ordered = sort(sorted(metadata.tables.values(), key=lambda each: each.key))
    return [table for table, _ in ordered if table is not None]


def metadata() -> MetaData:
    """Return the tables of the known models."""
    return _known.metadata


def models() -> list[type[Model]]:
    """Return every known model that is a table."""
    return list(_known.models.values())


def fresh_registry() -> registry:
    """Return a registry for one more model."""
    return registry(metadata=_known.metadata)


def registry_for(model: type) -> registry:
    """Return the registry to map *model* in: its base's, so that a family is configured at once."""
    base = table_parent(model)
    found: registry = fresh_registry() if base is None else base._sa_registry
    return found


def table_of(model: type) -> Table:
    """Return the table of *model*."""
    return _tables[model]


def require(model: type) -> None:
    """Raise when *model* is no table, or is a class that a later definition has replaced."""
    if model in _tables:
        return
    if named(model.__module__, model.__name__) is not None:
        why = "was defined again: use the new class"
    elif (base := table_parent(model)) is not None and base not in _tables:
        why = f"inherits from {base.__name__}, which was defined again: define it again, too"
    else:
        why = "is not a table"
    raise ConfigurationError(f"{model.__name__} {why}.")


def remember(model: type[Model]) -> None:
    """Add a model, now mapped."""
    _tables[model] = mapper_of(model).local_table
    _known.models[model.__module__, model.__name__] = model
    _known.past.pop((model.__module__, model.__name__), None)


def forget(model: type[Model]) -> Table:
    """Take a model out, and return its table."""
    place = (model.__module__, model.__name__)
    _known.past[place] = _known.models.pop(place)
    return _tables.pop(model)


def named(module: str, name: str) -> type[Model] | None:
    """Return the model of this module and name."""
    return _known.models.get((module, name))


def latest(module: str, name: str) -> type[Model] | None:
    """Return the last definition of a model, also when it went with its base."""
    return _known.models.get((module, name)) or _known.past.get((module, name))


def is_known(name: str) -> bool:
    """Return whether a model, of any module, has this name."""
    return any(model.__name__ == name for model in _known.models.values())


def find(wanted: str | type, owner: type) -> type:
    """Return the model that *owner* means by *wanted*, as it is defined now."""
    if isinstance(wanted, type):
        return _known.models.get((wanted.__module__, wanted.__name__), wanted)
    near = _known.models.get((owner.__module__, wanted))
    found = (
        [near] if near else [model for model in _known.models.values() if model.__name__ == wanted]
    )
    if len(found) == 1:
        return found[0]
    if not found:
        raise ConfigurationError(
            f"{owner.__name__} has a relation to {wanted}, which is not defined (yet)."
        )
    modules = ", ".join(sorted(model.__module__ for model in found))
    raise ConfigurationError(
        f"{owner.__name__} has a relation to {wanted}, which is defined in {modules}: "
        "import the one that is meant, and annotate with the class."
    )
