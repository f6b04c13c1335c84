"""Validation of whole models and of single fields, with pydantic's own compiled validator.

SQLModel skips it for tables. Values are validated on a *shadow*, an instance that SQLAlchemy
knows nothing of, and only good values reach the real one: a refused assignment changes nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, cast

from pydantic import ValidationError
from sqlmodel._compat import init_pydantic_private_attrs

from .._errors import Invalid, UnknownName
from .._relations.given import keys_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .model import Model


class Validated(NamedTuple):
    """Good values for a new instance."""

    values: dict[str, Any]
    given: set[str]
    related: dict[str, Any]
    private: dict[str, Any] | None


def checked(instance: Model, given: tuple[Any, ...]) -> Validated:
    """Return what `validate` has made of an object's values; users give theirs by name."""
    if not isinstance(given[0], Validated):
        name = type(instance).__name__
        raise TypeError(f"{name} takes its values by name: {name}(field=…) or {name}(**values).")
    return given[0]


def validate(model: type[Model], data: Any, **options: Any) -> Validated:
    """Check all of *data* for a new instance; raises `Invalid`."""
    related: dict[str, Any] = {}
    if isinstance(data, dict):
        relations = model.__sqlmodel_relationships__
        given = cast("dict[str, Any]", data)
        if not relations.keys().isdisjoint(given):
            related = {key: value for key, value in given.items() if key in relations}
            own = {key: value for key, value in given.items() if key not in relations}
            data = {**keys_of(model, related), **own}
    shadow = _shadow(model)
    try:
        model.__pydantic_validator__.validate_python(data, self_instance=shadow, **options)
    except ValidationError as error:
        raise explained(model, error) from error
    return Validated(
        dict(shadow.__dict__), shadow.__pydantic_fields_set__, related, shadow.__pydantic_private__
    )


def validate_fields(
    model: type[Model], held: Mapping[str, Any], changes: Mapping[str, Any]
) -> dict[str, Any]:
    """Return *changes* as the fields would hold them; raises `Invalid` for the first bad one."""
    shadow = _shadow(model)
    fields = model.__pydantic_fields__
    shadow.__dict__.update({key: value for key, value in held.items() if key in fields})
    for name, value in changes.items():
        if name not in fields:
            raise unknown(model, name)
        try:
            model.__pydantic_validator__.validate_assignment(shadow, name, value)
        except ValidationError as error:
            raise explained(model, error) from error
    return {name: shadow.__dict__[name] for name in changes}


def explained(model: type, error: ValidationError) -> Invalid:
    """Return pydantic's findings as ours; values are left out, since one may be a secret."""
    found = [
        {
            "field": ".".join(str(part) for part in item["loc"]),
            "message": _said(model, item["type"], item["loc"]) or str(item["msg"]),
            "type": str(item["type"]),
        }
        for item in error.errors(include_url=False, include_input=False, include_context=False)
    ]
    said = "; ".join(
        f"{item['field']}: {item['message']}" if item["field"] else item["message"]
        for item in found
    )
    return Invalid(f"{model.__name__} is not valid: {said}", model=model.__name__, errors=found)


def _said(model: Any, kind: str, place: tuple[int | str, ...]) -> str | None:
    """Return what to do about a mistake, where pydantic's words don't say it."""
    if kind == "timezone_aware":
        return (
            "a time needs a timezone, as in datetime.now(UTC); annotate the field with pydantic's "
            "NaiveDatetime to keep times without"
        )
    if kind == "extra_forbidden" and len(place) == 1:
        known = (*model.__pydantic_fields__, *model.__sqlmodel_relationships__)
        return f"no such field; there are {', '.join(known)}"
    return None


def unknown(model: type[Model], name: str, what: str = "field") -> UnknownName:
    """Return the error for a name that the model doesn't have."""
    return UnknownName(
        f"{model.__name__} has no {what} {name!r}; {_meant(model, name)}",
        model=model.__name__,
        name=name,
    )


def _meant(model: type[Model], name: str) -> str:
    fields = model.__pydantic_fields__
    relation = name.replace("__", ".").partition(".")[0]
    if relation in model.__sqlmodel_relationships__:
        return f"{relation!r} is a relation: what is behind it is reached by `join({relation!r})`."
    if name.lower().endswith(" desc"):
        return f'descending is written "-{name[:-5].strip()}".'
    return f"its fields are {', '.join(fields)}."


def _shadow(model: type[Model]) -> Any:
    shadow = object.__new__(model)
    init_pydantic_private_attrs(shadow)
    object.__setattr__(shadow, "__dict__", {})
    return shadow
