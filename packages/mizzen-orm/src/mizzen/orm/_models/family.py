"""Families of tables: who inherits from whom, and which columns each class brings along.

See `inheritance` for what a class says, and `heirs` for how it is mapped.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import ForeignKey, ForeignKeyConstraint

from .._errors import ConfigurationError
from .hydration import mapper_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Column


def table_parent(model: type[Any]) -> type[Any] | None:
    """Return the table that *model* inherits from, or None."""
    for base in model.__mro__[1:]:
        if getattr(base, "model_config", {}).get("table") is True:
            return base
    return None


def root_of(model: type[Any]) -> type[Any]:
    """Return the base of the family that *model* belongs to: itself, if it inherits no table."""
    parent = table_parent(model)
    return model if parent is None else root_of(parent)


def has_table(model: type[Any]) -> bool:
    """Return whether *model* has a table of its own."""
    return table_parent(model) is None or bool(model.__joined__)


def own_fields(model: type[Any]) -> list[str]:
    """Return the fields whose columns *model* adds: all, unless it inherits from a table."""
    fields: dict[str, Any] = model.__pydantic_fields__
    parent = table_parent(model)
    if parent is None:
        return list(fields)
    own = [name for name in fields if name not in parent.__pydantic_fields__]
    keys = [name for name in fields if name in _keys(parent)] if model.__joined__ else []
    return [*keys, *own]


def own_columns(model: type[Any]) -> dict[str, Column[Any]]:
    """Return the columns that *model* adds to its table, by field."""
    found: dict[str, Column[Any]] = vars(model)["__own_columns__"]
    return found


def settle_columns(model: type[Any]) -> None:
    """Keep the columns that *model* adds: an heir's may be empty, or have its base's key."""
    parent = table_parent(model)
    if parent is not None and model.__joined__:
        _refer(model, parent)
    elif parent is not None:
        for name in own_fields(model):
            _share(model, parent, name, vars(model)[name])
    columns = {name: vars(model)[name] for name in own_fields(model)}
    type.__setattr__(model, "__own_columns__", columns)


def refuse_bulk(model: type[Any]) -> None:
    """Raise when rows of *model* lie in several tables: one statement would change half of each."""
    mapper = mapper_of(model)
    if len(mapper.tables) > 1:
        names = " and ".join(table.name for table in mapper.tables)
        raise ConfigurationError(
            f"{model.__name__} lies in {names}: change or delete its rows one by one, or those of "
            f"{mapper.base_mapper.class_.__name__} in bulk."
        )


def lock_of(model: type[Any], lock: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of FOR UPDATE for a read of *model*."""
    mapper = mapper_of(model)
    if mapper.polymorphic_on is None:
        return dict(lock)
    # What heirs have in tables of their own comes by an outer join, which can't be locked.
    return {**lock, "of": list(mapper.tables)}


def _refer(model: type[Any], parent: type[Any]) -> None:
    """Let the key of a table of its own be the base's."""
    targets = mapper_of(parent).local_table.columns
    keys = _keys(parent)
    for name in keys:
        vars(model)[name].autoincrement = False
    if len(keys) == 1:
        ((name, key),) = keys.items()
        vars(model)[name].append_foreign_key(ForeignKey(targets[key], ondelete="CASCADE"))
        return
    names = [vars(model)[name].name or name for name in keys]
    rule = ForeignKeyConstraint(names, [targets[key] for key in keys.values()], ondelete="CASCADE")
    said: Any = vars(model).get("__table_args__", ())
    if not isinstance(said, tuple):  # a mapping of options
        said = (said,)
    type.__setattr__(model, "__table_args__", (rule, *said))


def _share(model: type[Any], parent: type[Any], name: str, column: Column[Any]) -> None:
    # Defaults of a column hold for every row of its table; the objects bring theirs along.
    column.nullable, column.default = True, None
    if column.onupdate is not None:
        raise ConfigurationError(
            f"{model.__name__}.{name} follows every update of the table: declare it on "
            f"{parent.__name__}."
        )
    table = mapper_of(parent).local_table
    there = table.columns.get(name)
    if there is None:
        return
    if repr(there.type) != repr(column.type):
        raise ConfigurationError(
            f"{model.__name__}.{name}: the table {table.name} has a column of this name and "
            "another type, for another class; give the field another name."
        )
    type.__setattr__(model, name, there)


def _keys(parent: type[Any]) -> dict[str, str]:
    mapper = mapper_of(parent)
    keys = mapper.local_table.primary_key.columns
    return {mapper.get_property_by_column(key).key: key.name for key in keys}
