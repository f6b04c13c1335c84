"""How heirs of a table are mapped, mapped again when a cell is run again, and taken out."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

from sqlalchemy.orm import DeclarativeMeta, instrumentation
from sqlalchemy.orm.attributes import opt_manager_of_class

from .._relations.lazy import RelationAttribute
from .family import own_columns, table_parent
from .hydration import mapper_of

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable

    from sqlalchemy import Column, Table


def map_heir(
    model: type[Any], name: str, bases: tuple[type[Any], ...], body: dict[str, Any]
) -> None:
    """Map a class that inherits from a table; SQLModel maps those only that don't."""
    parent: Any = table_parent(model)
    for key, relation in model.__relations__.items():
        type.__setattr__(model, key, relation.build(model))
    for key in (*model.__relations__, *parent.__pydantic_fields__):
        model.__annotations__.pop(key, None)
    for held in ("__relations__", "__sqlmodel_relationships__"):
        type.__setattr__(model, held, {**getattr(parent, held), **getattr(model, held)})
    _leave_out_siblings(model, parent)
    _uninstrument(model)
    with _native_relations(parent):
        DeclarativeMeta.__init__(cast("Any", model), name, bases, body)


def map_heir_again(model: type[Any], table: Table) -> None:
    """Map a class anew whose base or sibling was defined again."""
    parent: Any = table_parent(model)
    _uninstrument(model)
    if model.__joined__:
        type.__setattr__(model, "__table__", table)
    for name, relation in model.__relations__.items():
        if name not in parent.__relations__:
            type.__setattr__(model, name, relation.build(model))
        elif name in vars(model):
            type.__delattr__(model, name)
    _leave_out_siblings(model, parent)
    with _native_relations(parent):
        model._sa_registry.map_declaratively(model)


@contextmanager
def own_columns_only(model: type[Any], names: Iterable[str]) -> Generator[None]:
    """Let a base be mapped again without the columns that heirs have added to its table."""
    held: dict[str, Any] = getattr(model, "__mapper_args__", {})
    if "polymorphic_on" in held:
        wanted = {**held, "include_properties": list(names)}
        type.__setattr__(model, "__mapper_args__", wanted)
    try:
        yield
    finally:
        if "polymorphic_on" in held:
            type.__setattr__(model, "__mapper_args__", held)


def remove_column(table: Table, column: Column[Any]) -> None:
    """Take out of a table what an heir had added, with its indexes and constraints."""
    # SQLAlchemy adds columns to tables, and never removes one.
    parts: Any = table
    for held in (parts.indexes, parts.constraints):
        held -= {part for part in held if column in list(part.columns)}
    for key in column.foreign_keys:
        parts.foreign_keys.discard(key)
        cast("Any", key)._remove_from_metadata(table.metadata)
    parts._columns.remove(column)


def _leave_out_siblings(model: type[Any], parent: type[Any]) -> None:
    # The base's table has columns of other heirs, maybe named like this one's own.
    line = [base for base in model.__mro__ if "__own_columns__" in vars(base)]
    mine = {column for base in line for column in own_columns(base).values()}
    tables = mapper_of(parent).tables
    others = [column for table in tables for column in table.columns if column not in mine]
    wanted = {**model.__mapper_args__, "exclude_properties": others}
    type.__setattr__(model, "__mapper_args__", wanted)


def _uninstrument(model: type[Any]) -> None:
    # While its base is mapped again, SQLAlchemy begins to instrument an heir that is not mapped.
    if opt_manager_of_class(model) is not None:
        cast("Any", instrumentation).unregister_class(model)


@contextmanager
def _native_relations(parent: type[Any]) -> Generator[None]:
    # An heir gets those of its base's attributes that SQLAlchemy knows for its own.
    hidden = [
        (base, name, attribute)
        for base in parent.__mro__
        for name, attribute in vars(base).items()
        if isinstance(attribute, RelationAttribute)
    ]
    for base, name, attribute in hidden:
        type.__setattr__(base, name, attribute.native)
    try:
        yield
    finally:
        for base, name, attribute in hidden:
            type.__setattr__(base, name, attribute)
