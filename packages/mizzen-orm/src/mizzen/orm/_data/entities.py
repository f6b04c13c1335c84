"""What a diagram shows of a schema: entities with their attributes, and links between them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import Enum, MetaData, Table, UniqueConstraint
from sqlalchemy.exc import SQLAlchemyError

from .._errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy import ForeignKeyConstraint


@dataclass(frozen=True)
class Attribute:
    """One column; *marks* are those of PK, FK and UQ that apply."""

    name: str
    type: str
    marks: tuple[str, ...] = ()
    nullable: bool = False


@dataclass(frozen=True)
class Entity:
    """One table, and how many of its columns are left out of the picture."""

    name: str
    attributes: tuple[Attribute, ...]
    left_out: int = 0

    def row(self, attribute: str) -> int | None:
        """Return the place of an attribute, None when it is not shown."""
        names = [each.name for each in self.attributes]
        return names.index(attribute) if attribute in names else None


@dataclass(frozen=True)
class Link:
    """One foreign key: many rows (or one) of *child* refer to one row of *parent* (or to none)."""

    child: str
    columns: tuple[str, ...]
    parent: str
    parent_columns: tuple[str, ...]
    single: bool
    optional: bool

    def __str__(self) -> str:
        pairs = zip(self.columns, self.parent_columns, strict=True)
        return ", ".join(f"{self.child}.{own} → {self.parent}.{key}" for own, key in pairs)


def tables_of(what: object) -> list[Table]:
    """Return the tables meant by models, tables, a MetaData, or several of them."""
    if isinstance(what, MetaData):
        return list(what.tables.values())
    if isinstance(what, Table):
        return [what]
    table = getattr(what, "__table__", None)
    if isinstance(table, Table):
        return [table]
    if isinstance(what, str | bytes | type) or not hasattr(what, "__iter__"):
        raise ConfigurationError(
            f"a diagram shows models, tables or a MetaData, not {what!r}: a model is a Model "
            "without table=False."
        )
    several: Iterable[object] = what  # pyright: ignore[reportAssignmentType]
    found = [table for one in several for table in tables_of(one)]
    return list(dict.fromkeys(found))


def entity_of(table: Table, *, keys_only: bool, most: int) -> Entity:
    """Return what is shown of *table*: its keys only, or at most *most* columns."""
    shown = [_attribute(table, column) for column in table.columns]
    return fewer(_name(table), shown, keys_only=keys_only, most=most)


def fewer(name: str, shown: Sequence[Attribute], *, keys_only: bool, most: int) -> Entity:
    """Return the entity with as many of its attributes as have room; its keys always have."""
    kept = [each for each in shown if each.marks or not keys_only]
    room = max(0, most - sum(bool(each.marks) for each in kept))
    others = [each for each in kept if not each.marks]
    left_out = {id(each) for each in others[room:]}
    kept = [each for each in kept if id(each) not in left_out]
    return Entity(name, tuple(kept), len(shown) - len(kept))


def links_of(tables: Iterable[Table]) -> list[Link]:
    """Return the foreign keys among *tables*, in a fixed order."""
    tables = list(tables)
    known = {_name(table) for table in tables}
    found = [
        link
        for table in tables
        for constraint in table.foreign_key_constraints
        if (link := _link(table, constraint)).parent in known
    ]
    return sorted(found, key=lambda link: (link.child, link.columns, link.parent))


def _name(table: Table) -> str:
    return str(table.fullname)


def _attribute(table: Table, column: Any) -> Attribute:
    marks = [
        ("PK", bool(column.primary_key)),
        ("FK", bool(column.foreign_keys)),
        ("UQ", not column.primary_key and _unique(table, {column.name})),
    ]
    return Attribute(
        str(column.name),
        _type(column.type),
        tuple(mark for mark, applies in marks if applies),
        bool(column.nullable),
    )


def _type(type_: Any) -> str:
    if isinstance(type_, Enum):
        return f"enum {type_.name}" if type_.name else "enum"
    try:
        return str(type_).lower()
    except (SQLAlchemyError, NotImplementedError):  # a type of some dialect that has no SQL here
        return type(type_).__name__.lower()


def _link(table: Table, constraint: ForeignKeyConstraint) -> Link:
    own = tuple(str(column.name) for column in constraint.columns)
    targets = [element.target_fullname.rsplit(".", 1) for element in constraint.elements]
    return Link(
        child=_name(table),
        columns=own,
        parent=targets[0][0],
        parent_columns=tuple(column for _table, column in targets),
        single=_unique(table, set(own)),
        optional=any(column.nullable for column in constraint.columns),
    )


def _unique(table: Table, names: set[str]) -> bool:
    sets: list[set[str]] = [{str(column.name) for column in table.primary_key.columns}]
    sets += [
        {str(column.name) for column in constraint.columns}
        for constraint in table.constraints
        if isinstance(constraint, UniqueConstraint)
    ]
    for index in table.indexes:
        partial = any(key.endswith("_where") for key in index.kwargs)
        if index.unique and not partial:
            sets.append({str(getattr(column, "name", None)) for column in index.columns})
    return names in sets
