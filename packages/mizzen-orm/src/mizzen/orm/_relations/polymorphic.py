"""References to one of several models: `about: Post | Photo = Relationship(polymorphic=True)`.

Two columns hold the model's name and the row's key. SQLAlchemy has no such relation: assignment,
loading and look-ups are here and in `polymorphic_loading`; the other side is a relation of
SQLAlchemy's (`as_=`, see `joins`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from sqlalchemy import Index, false, or_
from sqlalchemy.orm.attributes import set_attribute
from sqlmodel import Field

from .._errors import ConfigurationError, Invalid, UnknownName
from .._fields.annotations import bare
from .._models.hydration import mapper_of, state_of
from .annotated import class_of, name_of
from .declared import read
from .lazy import Lazy, refuse_if_strict
from .options import RelationInfo

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Column

    from .._models.model import Model


class Held(NamedTuple):
    """What was loaded or assigned, and for which type and key."""

    kind: str | None
    key: Any
    value: Any


@dataclass(frozen=True)
class Polymorphic:
    """One declared reference to one of several models."""

    owner: str
    name: str
    targets: tuple[str | type, ...]
    type_field: str
    id_field: str
    info: RelationInfo

    def models(self, owner: type[Any]) -> dict[str, type[Any]]:
        """Return the models that are allowed, as they are defined now, by name."""
        from .._models.known import find

        return {name_of(target): find(target, owner) for target in self.targets}

    def name_for(self, model: type[Any]) -> str:
        """Return what the type column says for *model*; raises `Invalid` if it isn't allowed."""
        allowed = {name_of(target) for target in self.targets}
        for base in model.__mro__:
            if base.__name__ in allowed:
                return str(base.__name__)
        said = " or ".join(sorted(allowed))
        message = f"takes {said}, not {model.__name__}"
        raise Invalid(
            f"{self.owner} is not valid: {self.name}: {message}",
            model=self.owner,
            errors=[{"field": self.name, "message": message, "type": "model_type"}],
        )

    def identity(self, other: Any) -> tuple[str | None, Any]:
        """Return the type and key that refer to *other*, a saved object or None."""
        if other is None:
            return None, None
        kind = self.name_for(class_of(other))
        key = state_of(other).identity
        if key is None:
            message = f"is a new {type(other).__name__}: save it first"
            raise Invalid(
                f"{self.owner} is not valid: {self.name}: {message}",
                model=self.owner,
                errors=[{"field": self.name, "message": message, "type": "model_unsaved"}],
            )
        return kind, key[0]

    def current(self, instance: Any) -> tuple[str | None, Any]:
        """Return the type and key that *instance* holds."""
        return getattr(instance, self.type_field), getattr(instance, self.id_field)

    def condition(self, owner: type[Any], operator: str, value: Any) -> Any:
        """Return the expression for `name=value`, `name__in=values`, `name__isnull=...`."""
        kind, key = getattr(owner, self.type_field), getattr(owner, self.id_field)
        if operator == "isnull":
            return key.is_(None) if value else key.is_not(None)
        if operator == "in" and not isinstance(value, str | bytes):
            return or_(false(), *(self.condition(owner, "", one) for one in value))
        if operator == "ne":
            return ~self.condition(owner, "", value) | key.is_(None)
        if operator not in {"", "eq"}:
            raise UnknownName(
                f"{self.owner}.{self.name} may be of any of its models: look it up by {self.name}="
                f"…, {self.name}__in=…, or {self.type_field} and {self.id_field}.",
                model=self.owner,
                name=self.name,
            )
        if value is None:
            return key.is_(None)
        found = self.identity(value)
        return (kind == found[0]) & (key == found[1])


class PolymorphicAttribute:
    """Stands for a polymorphic relation on its class."""

    def __init__(self, relation: Polymorphic) -> None:
        self.relation = relation

    def __get__(self, instance: Model | None, owner: type) -> Any:
        if instance is None:
            return self
        relation = self.relation
        now, held = relation.current(instance), vars(instance).get(relation.name)
        if held is not None and (held.kind, held.key) == now:
            return held.value
        if now[1] is None and state_of(instance).key is None:
            return None
        lazy: Lazy[Any] = Lazy(instance, relation.name)
        refuse_if_strict(instance, lazy)
        return lazy

    def __set__(self, instance: Model, value: Any) -> None:
        assign(instance, self.relation, value)

    def __repr__(self) -> str:
        return f"<{self.relation.owner}.{self.relation.name}, polymorphic>"


def assign(instance: Any, relation: Polymorphic, value: Any) -> None:
    """Let *instance* refer to *value*, or to nothing; raises `Invalid` for what isn't allowed."""
    kind, key = relation.identity(value)
    for name, part in ((relation.type_field, kind), (relation.id_field, key)):
        set_attribute(instance, name, part)
        instance.__pydantic_fields_set__.add(name)
    hold(instance, relation, value)


def hold(instance: Any, relation: Polymorphic, value: Any) -> None:
    """Remember what *instance* refers to now, or None when that is gone."""
    vars(instance)[relation.name] = Held(*relation.current(instance), value)


def take(
    model: str, body: dict[str, Any], annotations: dict[str, Any]
) -> tuple[dict[str, Polymorphic], dict[str, Any]]:
    """Take polymorphic relations out of a class body; give it their columns, if it has none."""
    found: dict[str, Polymorphic] = {}
    made = dict(annotations)
    for name, info in list(body.items()):
        if not isinstance(info, RelationInfo) or not info.polymorphic:
            continue
        relation, optional = _read(model, name, made.pop(name, None), info)
        del body[name]
        for column, kind in _columns(relation, body).items():
            if column not in made:
                made[column] = kind | None
                body[column] = _field(kind, optional=optional)
        found[name] = relation
    return found, made


def attach(model: type[Any], columns: Mapping[str, Column[Any]]) -> None:
    """Put the polymorphic relations of *model*, now mapped, on it, and index their columns."""
    for name, relation in model.__polymorphic__.items():
        if isinstance(vars(model).get(name), PolymorphicAttribute):
            continue
        model.__sqlmodel_relationships__[name] = relation.info
        if relation.owner != model.__name__:
            continue  # inherited, and so is its attribute
        type.__setattr__(model, name, PolymorphicAttribute(relation))
        Index(None, columns[relation.type_field], columns[relation.id_field])


def _read(
    model: str, name: str, annotation: object, info: RelationInfo
) -> tuple[Polymorphic, bool]:
    where = f"{model}.{name}"
    said = read(model, name, annotation)
    others = ("through", "as_", "back_populates", "link_model", "foreign_key", "dependent")
    if given := [other for other in others if getattr(info, other)]:
        raise ConfigurationError(f"{where}: polymorphic= doesn't go with {given[0]}=.")
    if said.many:
        raise ConfigurationError(f"{where}: a polymorphic relation refers to one row, not to many.")
    if info.polymorphic is True:
        fields = (f"{name}_type", f"{name}_id")
    else:
        fields = cast("tuple[str, str]", info.polymorphic)
    return Polymorphic(model, name, said.targets, *fields, info), said.optional


def _columns(relation: Polymorphic, body: Mapping[str, Any]) -> dict[str, Any]:
    return {relation.type_field: str, relation.id_field: _key_type(relation, body)}


def _field(kind: Any, *, optional: bool) -> Any:
    # None to pydantic: a row in a collection that was never saved has no reference yet.
    if kind is str:
        return Field(default=None, nullable=optional, max_length=255)
    return Field(default=None, nullable=optional)


def _key_type(relation: Polymorphic, body: Mapping[str, Any]) -> Any:
    """Return the type of the keys, as far as the models are defined already; else int."""
    kinds = {kind for target in relation.targets if (kind := _kind_of(target, body)) is not None}
    if len(kinds) > 1:
        said = " and ".join(map(name_of, relation.targets))
        raise ConfigurationError(
            f"{relation.owner}.{relation.name}: the keys of {said} are of several types: declare "
            f"the field {relation.id_field} yourself."
        )
    return kinds.pop() if kinds else int


def _kind_of(target: str | type, body: Mapping[str, Any]) -> Any:
    from .._models import known

    if isinstance(target, str):
        near = [model for model in known.models() if model.__name__ == target]
        local = [model for model in near if model.__module__ == body.get("__module__")]
        found: Any = next(iter(local or near), None)
    else:
        found = cast("Any", target)
    if found is None:
        return None
    mapper = mapper_of(found)
    if len(mapper.primary_key) != 1:
        raise ConfigurationError(
            f"{found.__name__} has a key of several columns: a polymorphic relation holds one."
        )
    key = mapper.get_property_by_column(mapper.primary_key[0]).key
    return bare(found.__pydantic_fields__[key].annotation)
