"""The foreign keys that given objects stand for: `Membership(person=ann)` has `person_id`."""

from __future__ import annotations

from inspect import iscoroutine
from typing import TYPE_CHECKING, Any, cast

from sqlalchemy.orm import RelationshipDirection

from .._errors import Invalid
from .._models.hydration import has_state, mapper_of, state_of

if TYPE_CHECKING:
    from collections.abc import Mapping


def keys_of(model: type[Any], related: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields that the relations *related* of a new *model* give; raises `Invalid`.

    A new object has no key yet: its reference is written when both are saved.
    """
    found: dict[str, Any] = {}
    for name, other in related.items():
        if (polymorphic := model.__polymorphic__.get(name)) is not None:
            kind, key = polymorphic.identity(other)
            found |= {polymorphic.type_field: kind, polymorphic.id_field: key}
        elif isinstance(other, _model()) and has_state(other) and state_of(other).key is not None:
            found |= _keys(model, name, other)
    return found


def refuse_others(model: type[Any], name: str, value: Any) -> None:
    """Raise `Invalid` unless *value* is what the relation *name* of *model* holds."""
    several = isinstance(value, list | tuple | set)
    others = cast("list[object]", value) if several else [value]
    for other in others:
        if other is not None and not isinstance(other, _model()):
            awaited = "; is an `await` missing?" if iscoroutine(other) else ""
            raise _refused(model, name, f"takes models, not {type(other).__name__}{awaited}")
    described = None if name in model.__polymorphic__ else _described(model, name)
    if described is None:
        return
    target = described.mapper.class_
    if described.uselist and not isinstance(value, list | tuple | set | dict):
        raise _refused(model, name, f"takes a list of {target.__name__} objects")
    if several and not described.uselist:
        raise _refused(model, name, f"takes one {target.__name__}, not several")
    for other in others:
        wrong = other is None if described.uselist else False
        if wrong or (isinstance(other, _model()) and not isinstance(other, target)):
            said = f"takes {target.__name__}, not {type(other).__name__}"
            if type(other).__name__ == target.__name__:
                said = f"takes {target.__name__} as it is defined now: read this object again"
            raise _refused(model, name, said)


def _described(model: type[Any], name: str) -> Any:
    return mapper_of(model).relationships.get(name)


def _refused(model: type[Any], name: str, message: str) -> Invalid:
    return Invalid(
        f"{model.__name__} is not valid: {name}: {message}",
        model=model.__name__,
        errors=[{"field": name, "message": message, "type": "model_type"}],
    )


def _keys(model: type[Any], name: str, other: Any) -> dict[str, Any]:
    mapper = mapper_of(model)
    described = mapper.relationships.get(name)
    if described is None or described.direction is not RelationshipDirection.MANYTOONE:
        return {}
    refuse_others(model, name, other)
    return {
        mapper.get_property_by_column(near).key: vars(other)[field]
        for near, far in described.local_remote_pairs
        if (field := described.mapper.get_property_by_column(far).key) in vars(other)
    }


def _model() -> type[Any]:
    from .._models.model import Model

    return Model
