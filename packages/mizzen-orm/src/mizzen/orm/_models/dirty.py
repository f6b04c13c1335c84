"""What was changed on an object: since it was read or saved, and by its last save.

SQLAlchemy keeps the old value of each field that is set; nothing is compared or copied before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from sqlalchemy.orm.attributes import set_attribute, set_committed_value
from sqlalchemy.orm.base import NEVER_SET, NO_VALUE

from .._fields import in_place
from .hydration import mapper_of, state_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .model import Model

Differences = dict[str, tuple[Any, Any]]


def changes_of(instance: Model, inside: Differences | None = None) -> Differences:
    """Return what a save would write: field -> (old value, new value); *inside* when known."""
    held = vars(instance)
    state: Any = held.get("_sa_instance_state")
    inside = in_place.changes_inside(instance) if inside is None else inside
    if state is None:
        return inside
    columns = column_names(type(instance))
    if state.key is None:
        return {name: (None, held[name]) for name in columns if held.get(name) is not None}
    found: Differences = {}
    for name, old in state.committed_state.items():
        if name in columns and name in held and not _same(old, held[name]):
            unknown = old is NO_VALUE or old is NEVER_SET
            found[name] = (None if unknown else old, held[name])
    return {**found, **inside} if inside else found


def previous_changes_of(instance: Model) -> Differences:
    """Return what the last save wrote: field -> (old value, new value)."""
    return getattr(instance, "_previous", None) or {}


def remember(instance: Model, changes: Differences) -> None:
    """Keep *changes* as those of the last save."""
    cast("Any", type(instance))._previous.__set__(instance, changes)
    in_place.keep(instance)


def begin_save(instance: Model) -> None:
    """Forget what the save before wrote: this one may find nothing to write."""
    cast("Any", type(instance))._previous.__set__(instance, None)


def values_of(instance: Model) -> dict[str, Any]:
    """Return the values of the columns that the object holds."""
    held = vars(instance)
    return {name: held[name] for name in column_names(type(instance)) if name in held}


def column_names(model: type[Any]) -> tuple[str, ...]:
    """Return the fields that are columns, kept on the class: the mapper makes a list each time."""
    found: tuple[str, ...] | None = model.__dict__.get("__column_names__")
    if found is None:
        found = tuple(mapper_of(model).column_attrs.keys())
        type.__setattr__(model, "__column_names__", found)
    return found


def holds_relations(instance: Model) -> bool:
    """Return whether the object holds another one, or an empty place for it."""
    names = mapper_of(type(instance)).relationships.keys()
    return not vars(instance).keys().isdisjoint(names)


def key_of(instance: Model) -> Any:
    """Return the primary key as `get` takes it: a value, or a tuple of several."""
    identity = state_of(instance).mapper.primary_key_from_instance(instance)
    return identity[0] if len(identity) == 1 else tuple(identity)


class Kept:
    """The values of objects before a write, for those that its failure empties."""

    def __init__(self, instances: Iterable[Model]) -> None:
        self._kept = [(one, values_of(one), changes_of(one)) for one in instances]

    def give_back(self) -> None:
        """Fill what SQLAlchemy has emptied; what was to be saved still is."""
        for instance, values, changes in self._kept:
            for name, value in values.items():
                if name in vars(instance):
                    continue
                set_committed_value(instance, name, changes.get(name, (value,))[0])
                if name in changes:
                    set_attribute(instance, name, value)


def unsave(instance: Model, changes: Differences) -> None:
    """Make *changes*, written by a transaction that failed, ones that are still to be saved."""
    mapper = mapper_of(type(instance))
    version = mapper.version_id_col
    for name, (old, _) in changes.items():
        present = vars(instance).get(name)
        set_committed_value(instance, name, old)
        if version is None or mapper.column_attrs[name].columns[0] is not version:
            set_attribute(instance, name, present)
    remember(instance, {})


def forget_keys(instance: Model) -> None:
    """Forget the keys that the database gave to a row which is not there after all."""
    fields = type(instance).__pydantic_fields__
    for column in mapper_of(type(instance)).primary_key:
        name = mapper_of(type(instance)).get_property_by_column(column).key
        given = name in instance.__pydantic_fields_set__
        if not given and fields[name].get_default(call_default_factory=False) is None:
            vars(instance)[name] = None
    remember(instance, {})


def _same(old: Any, new: Any) -> bool:
    if old is new:
        return True
    return type(old) is type(new) and bool(old == new)
