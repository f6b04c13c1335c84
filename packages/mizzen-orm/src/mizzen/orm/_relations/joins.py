"""How a relation's rows are found, where SQLAlchemy can't tell from the foreign keys alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import String, and_, event, literal
from sqlalchemy.orm import foreign, remote

from .._errors import ConfigurationError
from .._models.hydration import mapper_of
from .annotated import class_of, name_of
from .options import DEPENDENT, RelationInfo

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Column, Table
    from sqlmodel.main import RelationshipInfo

    from .declared import Relation
    from .polymorphic import Polymorphic

_JOINS = {"primaryjoin", "secondaryjoin", "remote_side", "foreign_keys"}


def check(model: str, relation: Relation) -> None:
    """Raise `ConfigurationError` for options that contradict each other."""
    info = relation.info
    if not isinstance(info, RelationInfo):
        return
    where = f"{model}.{relation.name}"
    alone = [name for name in ("through", "as_") if getattr(info, name)]
    written = ("back_populates", "link_model", "foreign_key", "counter_cache", "touch")
    for name in alone:
        others = [other for other in (*written, *alone) if other != name and getattr(info, other)]
        if others:
            raise ConfigurationError(f"{where}: {name}= doesn't go with {others[0]}=.")
    if info.polymorphic:
        raise ConfigurationError(
            f"{where}: polymorphic= is for a reference to one of several models, such as "
            "`Post | Photo`; its other side says as_=."
        )
    if relation.many and (info.counter_cache or info.touch):
        raise ConfigurationError(
            f"{where}: counter_cache= and touch= go on the other side, which refers to {model}."
        )
    if info.dependent is not None and info.dependent not in DEPENDENT:
        raise ConfigurationError(
            f"{where}: dependent={info.dependent!r}: it is one of {', '.join(DEPENDENT)}."
        )
    if info.dependent is not None and info.through:
        raise ConfigurationError(
            f"{where}: dependent= goes on the relation that it reads through, {info.through}."
        )


def complete(relation: Relation, owner: type[Any], options: dict[str, Any]) -> None:
    """Add the joins of *relation* to SQLAlchemy's *options*, as far as nobody gave them."""
    info = relation.info
    if isinstance(info, RelationInfo) and info.as_:
        _polymorphic(relation, owner, info.as_, options)
    elif _JOINS & set(options):
        return
    elif info.link_model is not None:
        if (near := key_of(info)) is not None:
            _linked(relation, owner, near, options)
    elif _to_itself(relation, owner) and not relation.many and not _has_one(relation, owner):
        # Without it SQLAlchemy takes a row's one relation to its own table for a child.
        options["remote_side"] = lambda: _referred(owner, relation, key_of(info))
    if (key := key_of(info)) is not None and info.link_model is None:
        options["foreign_keys"] = lambda: [_key_column(relation, owner, key)]


def key_of(info: RelationshipInfo) -> str | None:
    """Return the field named by `foreign_key=`."""
    return info.foreign_key if isinstance(info, RelationInfo) else None


def _to_itself(relation: Relation, owner: type[Any]) -> bool:
    return name_of(relation.target) == owner.__name__


def _has_one(relation: Relation, owner: type[Any]) -> bool:
    """Return whether the other side, to one row as well, is the one that says where the key is."""
    partner = _relations(owner).get(relation.info.back_populates or "")
    return partner is not None and not partner.many


def _relations(model: type[Any]) -> dict[str, Relation]:
    found: dict[str, Relation] = model.__relations__
    return found


def _linked(relation: Relation, owner: type[Any], near: str, options: dict[str, Any]) -> None:
    from .._models.known import find, table_of

    def ends() -> tuple[Column[Any], Column[Any]]:
        link = find(cast("Any", relation.info.link_model), owner)
        table, target = table_of(link), find(relation.target, owner)
        here = _column(link, near, f"{owner.__name__}.{relation.name}")
        there = [
            column
            for column in table.columns
            if column is not here and _refers(column, mapper_of(target).local_table)
        ]
        if len(there) != 1 or not _refers(here, mapper_of(owner).local_table):
            raise ConfigurationError(
                f"{owner.__name__}.{relation.name}: {link.__name__} needs one foreign key to "
                f"{owner.__name__} ({near}) and one other to {target.__name__}."
            )
        return here, there[0]

    options["primaryjoin"] = lambda: _equal(ends()[0])
    options["secondaryjoin"] = lambda: _equal(ends()[1])


def _equal(column: Column[Any]) -> Any:
    (key,) = column.foreign_keys
    return column == key.column


def _refers(column: Column[Any], table: Table) -> bool:
    return any(key.references(table) for key in column.foreign_keys)


def _referred(owner: type[Any], relation: Relation, key: str | None) -> list[Any]:
    table = mapper_of(owner).local_table
    if key is not None:
        held = [_column(owner, key, f"{owner.__name__}.{relation.name}")]
    else:
        held = [column for column in table.columns if _refers(column, table)]
    if len(held) > 1:
        raise ConfigurationError(
            f"{owner.__name__}.{relation.name}: say which key it is: Relationship(foreign_key="
            f'"{held[0].key}")'
        )
    return [found.column for column in held for found in column.foreign_keys]


def _key_column(relation: Relation, owner: type[Any], key: str) -> Column[Any]:
    from .._models.known import find

    where = f"{owner.__name__}.{relation.name}"
    here = not relation.many and key in owner.__pydantic_fields__
    return _column(owner if here else find(relation.target, owner), key, where)


def _column(model: type[Any], name: str, where: str) -> Column[Any]:
    mapped = mapper_of(model).column_attrs
    if name not in mapped:
        raise ConfigurationError(f"{where}: {model.__name__} has no field {name!r}.")
    return cast("Column[Any]", mapped[name].columns[0])


def _polymorphic(relation: Relation, owner: type[Any], name: str, options: dict[str, Any]) -> None:
    """Join rows that refer to *owner* by its key and its name."""
    from .._models.known import find

    def join() -> Any:
        target: Any = find(relation.target, owner)
        other = target.__polymorphic__.get(name)
        if other is None:
            raise ConfigurationError(
                f"{owner.__name__}.{relation.name}: {target.__name__} has no polymorphic relation "
                f"{name!r}."
            )
        (key,) = mapper_of(owner).primary_key
        columns = mapper_of(target).column_attrs
        kind = literal(other.name_for(owner), String())
        return and_(
            key == foreign(remote(columns[other.id_field].columns[0])),
            remote(columns[other.type_field].columns[0]) == kind,
        )

    options["primaryjoin"] = join
    options["overlaps"] = "__*"  # other models' rows keep their keys in the same column


def watch(model: type[Any]) -> None:
    """Let rows that are put into a polymorphic collection of *model* know what they belong to."""
    for relation in _relations(model).values():
        info = relation.info
        if isinstance(info, RelationInfo) and info.as_:
            listen = _marks(model, relation, info.as_)
            native = getattr(model, relation.name)
            event.listen(native, "append" if relation.many else "set", listen)


def _marks(model: type[Any], relation: Relation, name: str) -> Callable[..., None]:
    def mark(_owner: object, other: Any, *_more: object) -> None:
        if other is not None:
            polymorphic: Polymorphic = class_of(other).__polymorphic__[name]
            setattr(other, polymorphic.type_field, polymorphic.name_for(model))

    return mark
