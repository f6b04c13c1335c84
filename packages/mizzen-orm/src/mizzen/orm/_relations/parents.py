"""What the write of a row does to the rows it refers to: their counters, their `updated_at`.

One UPDATE for each of them, computed by the database (`comments_count + 1`), in the transaction of
the write: nothing is lost between concurrent writers, and a rollback takes it back. Their own
callbacks, `lock_version` and columns that follow updates are left alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import update
from sqlalchemy.orm import RelationshipDirection
from sqlalchemy.orm.attributes import set_committed_value

from .._connections import sessions
from .._core import current
from .._errors import ConfigurationError
from .._models.callbacks import register
from .._models.dirty import changes_of, previous_changes_of, values_of
from .._models.hydration import mapper_of, state_of
from .._models.timestamps import now
from .._queries import filters
from . import dependents, references_held, through
from .options import RelationInfo

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from .._models.model import Model


class Reference(NamedTuple):
    """One relation whose other side follows the writes of a model."""

    name: str
    info: RelationInfo


class Parent(NamedTuple):
    """The row that is referred to."""

    model: type[Any]
    field: str
    key: Any


def attach(model: type[Any]) -> None:
    """Let writes of *model* reach the rows it refers to, where a relation says so."""
    if any(references_of(model)):
        # The same functions for every model: a model that is defined again has them once.
        register(model, "after_create", _created)
        if any(reference.info.counter_cache for reference in references_of(model)):
            register(model, "before_update", _updating)
        register(model, "after_update", _updated)
        register(model, "before_destroy", _destroyed)


def references_of(model: type[Any]) -> Iterator[Reference]:
    """Give the relations of *model* with a counter cache or touch."""
    for relation in (*model.__relations__.values(), *model.__polymorphic__.values()):
        info = relation.info
        if isinstance(info, RelationInfo) and (info.counter_cache or info.touch):
            yield Reference(relation.name, info)


def pair_of(model: type[Any], name: str) -> tuple[type[Any], str, str]:
    """Return the model that *name* refers to, the field that refers and the one referred to."""
    described = mapper_of(model).relationships[name]
    pair = through.single(described)
    if pair is None or described.direction is not RelationshipDirection.MANYTOONE:
        raise ConfigurationError(
            f"{model.__name__}.{name}: counter_cache= and touch= go on the side with the foreign "
            "key, of one column."
        )
    near, far = pair
    return (
        described.mapper.class_,
        described.parent.get_property_by_column(near).key,
        described.mapper.get_property_by_column(far).key,
    )


async def _created(instance: Model) -> None:
    await _move(instance, None, values_of(instance))


async def _updating(instance: Model) -> None:
    await references_held.keep(instance, _counted_fields(type(instance)))


async def _updated(instance: Model) -> None:
    changes, were = previous_changes_of(instance), references_held.take(instance)
    if changes:
        held = values_of(instance)
        before = held | {name: old for name, (old, _) in changes.items()}
        await _move(instance, before | were, held)


async def _destroyed(instance: Model) -> None:
    # What is not saved yet was never counted.
    saved = {name: old for name, (old, _) in changes_of(instance).items()}
    fields = _counted_fields(type(instance))
    were = await references_held.read(instance, fields) if fields else {}
    await _move(instance, values_of(instance) | saved | were, None)


def _counted_fields(model: type[Any]) -> list[str]:
    """Return the fields of *model* that say where its rows are counted."""
    found: list[str] = []
    for name, info in references_of(model):
        if info.counter_cache:
            polymorphic = model.__polymorphic__.get(name)
            if polymorphic is None:
                found.append(pair_of(model, name)[1])
            else:
                found += [polymorphic.type_field, polymorphic.id_field]
    return found


async def _move(
    instance: Model, before: Mapping[str, Any] | None, after: Mapping[str, Any] | None
) -> None:
    for reference in references_of(type(instance)):
        old = _parent(instance, reference.name, before)
        new = _parent(instance, reference.name, after)
        if old == new:
            steps = [(new, 0)]
        else:  # in one order: two moves that cross must not wait for each other
            steps = sorted([(old, -1), (new, 1)], key=lambda step: str(step[0]))
        for parent, step in steps:
            if parent is not None:
                await _follow(instance, reference, parent, step)


async def _follow(instance: Model, reference: Reference, parent: Parent, step: int) -> None:
    if parent.field in _key_fields(parent.model) and dependents.is_going(parent.model, parent.key):
        return  # together with what depends on it
    touched = touched_field(parent.model, reference)
    values: dict[str, Any] = {}
    if step and reference.info.counter_cache:
        counter = counter_of(parent.model, reference)
        if counter is not None:
            values[counter] = getattr(parent.model, counter) + step
    if touched is not None:
        values[touched] = now()
    if not values:
        return
    await _write(instance, reference, parent, values, step)
    if touched is not None and any(other.info.touch for other in references_of(parent.model)):
        await _touch_on(parent, {(parent.model, parent.key)})


async def _touch_on(parent: Parent, seen: set[tuple[type[Any], Any]]) -> None:
    """Touch what a touched row refers to in turn."""
    from .._queries.query import Query

    row = await Query(parent.model).unscoped().where(**{parent.field: parent.key}).first()
    if row is None:
        return
    for reference in references_of(parent.model):
        further = _parent(row, reference.name, values_of(row)) if reference.info.touch else None
        if further is None or (further.model, further.key) in seen:
            continue
        seen.add((further.model, further.key))
        touched = touched_field(further.model, reference)
        if touched is not None:
            await _write(row, reference, further, {touched: now()}, 0)
            await _touch_on(further, seen)


async def _write(
    instance: Model, reference: Reference, parent: Parent, values: dict[str, Any], step: int
) -> None:
    model = parent.model
    wanted = getattr(model, parent.field) == parent.key
    statement: Any = update(model).where(wanted).values(values | unmoved(model, values))
    async with sessions.writer(current()) as session:
        await session.execute(filters.write_deleted(statement, model))
        loaded = _loaded(instance, reference.name)
        if not isinstance(loaded, model) or getattr(loaded, parent.field) != parent.key:
            return
        if state_of(loaded).session is session.sync_session:
            return  # SQLAlchemy has changed it along
        counter = reference.info.counter_cache
        if counter in values:
            set_committed_value(loaded, counter, getattr(loaded, counter) + step)
        for name in values.keys() - {counter}:
            set_committed_value(loaded, name, values[name])


def unmoved(model: type[Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the columns that follow every update, as they are: this one is not theirs."""
    return {
        attribute.key: getattr(model, attribute.key)
        for attribute in mapper_of(model).column_attrs
        if attribute.columns[0].onupdate is not None and attribute.key not in values
    }


def counter_of(model: type[Any], reference: Reference) -> str | None:
    """Return the field of *model* that counts, or None where a polymorphic one has no such field.

    Raises `ConfigurationError` if it should be there and isn't.
    """
    return _field(model, str(reference.info.counter_cache), reference)


def touched_field(model: type[Any], reference: Reference) -> str | None:
    """Return the field of *model* that is renewed, or None."""
    said = reference.info.touch
    if not said:
        return None
    return _field(model, "updated_at" if said is True else said, reference)


def _field(model: type[Any], name: str, reference: Reference) -> str | None:
    if name in mapper_of(model).column_attrs:
        return name
    if reference.info.polymorphic:
        return None  # some of its models count, others don't
    raise ConfigurationError(
        f"{model.__name__} has no field {name!r}, which a relation {reference.name!r} keeps: "
        "add it."
    )


def _parent(instance: Model, name: str, values: Mapping[str, Any] | None) -> Parent | None:
    """Return the row that *instance* refers to when it holds *values*; None: none."""
    model = type(instance)
    if values is None or (model.__soft_delete__ and values.get("deleted_at") is not None):
        return None
    polymorphic = model.__polymorphic__.get(name)
    if polymorphic is None:
        target, near, far = pair_of(model, name)
        key = values.get(near)
        return None if key is None else Parent(target, far, key)
    kind, key = values.get(polymorphic.type_field), values.get(polymorphic.id_field)
    other = polymorphic.models(model).get(str(kind))
    return None if other is None or key is None else Parent(other, _key_fields(other)[0], key)


def _loaded(instance: Model, name: str) -> Any:
    found = vars(instance).get(name)
    return found.value if name in type(instance).__polymorphic__ and found else found


def _key_fields(model: type[Any]) -> list[str]:
    mapper = mapper_of(model)
    return [mapper.get_property_by_column(key).key for key in mapper.primary_key]
