"""Models that inherit from tables: one table for a family, or a table for each member.

    class Animal(Model, discriminator="kind"):
        name: str

    class Dog(Animal):                 # its fields are columns of `animals`, NULL for others
        breed: str = ""

    class Whale(Animal, joined=True):  # its fields are in `whales`, whose key refers to `animals`
        length: float = 0.0

The discriminator says of which class a row is: the class's name, or `identity="…"`. A read of the
base gives objects of the classes that the rows are of; a read of a class gives its own and those
that inherit from it.
"""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING, Any, Literal, cast

from sqlalchemy import inspect
from sqlmodel import Field

from .._errors import ConfigurationError
from . import known
from .naming import table_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .model import Model

_OPTIONS = {"discriminator", "identity", "joined"}


def take_options(options: dict[str, Any]) -> dict[str, Any]:
    """Remove what this module reads from a class's keywords, and return it."""
    return {key: options.pop(key) for key in _OPTIONS & set(options)}


def parent_of(name: str, parents: Sequence[type[Any]]) -> type[Model] | None:
    """Return the table that a new class inherits from, if any; raises `ConfigurationError`."""
    tables = [parent for parent in parents if parent.model_config.get("table") is True]
    if not tables:
        return None
    parent = tables[0]
    if len(tables) > 1:
        raise ConfigurationError(f"{name}: a model inherits from one table, not from several.")
    known.require(parent)
    if not getattr(parent, "__discriminator__", None):
        raise ConfigurationError(
            f"{name}: {parent.__name__} is a table already, and says nothing of heirs. Write "
            f'`class {parent.__name__}(Model, discriminator="kind")` to keep a family in its '
            f"table, or share fields through `class {parent.__name__}Fields(Model, table=False)`."
        )
    return cast("type[Model]", parent)


def refuse_abstract(name: str, parent: type[Model] | None, said: dict[str, Any]) -> None:
    """Raise when a class that is no table says, or inherits, what only tables have."""
    if said:
        raise ConfigurationError(f"{name} is no table: {', '.join(sorted(said))} belongs on one.")
    if parent is not None:
        raise ConfigurationError(
            f"{name}: what inherits from the table {parent.__name__} is in its table, too; leave "
            "out table=False, or share fields through a class that inherits from Model."
        )


def prepare(
    name: str,
    parent: type[Model] | None,
    said: dict[str, Any],
    namespace: dict[str, Any],
    annotations: dict[str, Any],
) -> dict[str, Any]:
    """Put what inheritance needs into a class body; return its annotations."""
    field: str | None = said.get("discriminator")
    if parent is None and field is None:
        if said:
            raise ConfigurationError(f'{name}: {", ".join(said)} needs discriminator="…" first.')
        return annotations
    identity = str(said.get("identity") or name)
    # Heirs' columns are read along with the base's: nothing is loaded later behind an await.
    mapper: dict[str, Any] = {"polymorphic_identity": identity, "with_polymorphic": "*"}
    if parent is not None:
        if field is not None:
            raise ConfigurationError(f"{name}: its base {parent.__name__} has a discriminator.")
        if identity in (taken := inspect(parent).polymorphic_map):
            other = taken[identity].class_
            if (other.__module__, other.__name__) != (namespace.get("__module__"), name):
                raise ConfigurationError(
                    f'{name}: {other.__name__} has the identity {identity!r}; give identity="…".'
                )
        field = str(cast("Any", parent).__discriminator__)
        annotations = _inherit_fields(parent, namespace, annotations)
        # SQLModel, finding the base's True here, would give every inherited field a new column.
        namespace["model_config"] = {**namespace.get("model_config", {}), "table": False}
        joined = bool(said.get("joined"))
        table = namespace.get("__tablename__", table_name(name))
        namespace["__tablename__"] = table if joined else None
        namespace["__joined__"] = joined
    else:
        field = str(field)
        mapper["polymorphic_on"] = field
    annotations = {**annotations, field: Literal[identity]}
    namespace[field] = Field(default=identity, index=True, max_length=255)
    namespace["__discriminator__"] = field
    namespace["__mapper_args__"] = {**namespace.get("__mapper_args__", {}), **mapper}
    return annotations


def _inherit_fields(
    parent: type[Model], namespace: dict[str, Any], annotations: dict[str, Any]
) -> dict[str, Any]:
    # pydantic would take the base's mapped attributes for the fields' defaults: each field is
    # said again, unless the class says it itself.
    said: dict[str, Any] = {}
    for name, field in parent.__pydantic_fields__.items():
        if name in annotations:
            raise ConfigurationError(
                f"{namespace.get('__qualname__')}.{name}: its base {parent.__name__} has this "
                "column already."
            )
        said[name] = field.annotation
        namespace[name] = copy(field)
    return {**said, **annotations}
