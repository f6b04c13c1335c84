"""Changes inside a value: `note.meta["a"] = 1` sets no field, and is saved all the same.

SQLAlchemy sees a column change only when the attribute is set. For columns whose values can change
inside, the value's form is kept from when the object was read, and compared when it is saved.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pydantic_core import to_json
from sqlalchemy import ARRAY, JSON, inspect
from sqlalchemy.orm.attributes import flag_modified

from .annotations import bare, is_class
from .documents import Document
from .encrypted import EncryptedText

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from .._models.model import Model

    Converters = Sequence[tuple[str, Callable[[Any], Any] | None]]

Forms = dict[str, bytes]

# What a driver gives that nobody can change: it serves as well as the form made of it.
UNCHANGING = frozenset({str, bytes, type(None)})

_FIXED = (str, bytes, int, float, complex, type(None))


def mutable_fields(model: type[Model]) -> tuple[str, ...]:
    """Return the fields whose values can change in place; most models have none."""
    found: tuple[str, ...] | None = model.__dict__.get("__mutable__")
    if found is None:
        fields = model.__pydantic_fields__
        mapped = inspect(model).column_attrs
        found = tuple(
            name
            for name, info in fields.items()
            if name in mapped and _is_mutable(info.annotation, mapped[name].columns[0].type)
        )
        type.__setattr__(model, "__mutable__", found)
    return found


def snapshot(model: type[Model], held: Mapping[str, Any]) -> Forms:
    """Return the form of every mutable field among *held* values, to compare with later."""
    return {name: form(held[name]) for name in mutable_fields(model) if name in held}


def changed_in_place(
    model: type[Model], held: Mapping[str, Any], before: Mapping[str, bytes]
) -> list[str]:
    """Return the fields whose values are not what they were at the `snapshot` *before*."""
    return [name for name in before if name in held and form(held[name]) != before[name]]


def keep(instance: Model) -> None:
    """Remember what the mutable fields hold now, as the database has it."""
    model: Any = type(instance)
    if mutable_fields(model):
        model._kept.__set__(instance, snapshot(model, vars(instance)))


def forms_of_cells(fields: Converters) -> Callable[[Sequence[Any]], Forms]:
    """Return what makes the forms of *fields* from what the driver gave, when they are asked for.

    Such a function and its cells stand for the forms of an object: most are never asked for.
    """

    def forms(cells: Sequence[Any]) -> Forms:
        return {
            name: form(cell if convert is None else convert(cell))
            for (name, convert), cell in zip(fields, cells, strict=True)
        }

    return forms


def changes_inside(instance: Model) -> dict[str, tuple[Any, Any]]:
    """Return the mutable fields that changed since `keep`: field -> (old JSON value, new value)."""
    model: Any = type(instance)
    if not mutable_fields(model):
        return {}
    try:
        before: Any = model._kept.__get__(instance)
    except AttributeError:
        return {}  # never read or saved
    if before.__class__ is tuple:
        forms, *cells = before
        before = forms(cells)
        model._kept.__set__(instance, before)
    held = vars(instance)
    return {
        name: (json.loads(before[name]), held[name])
        for name in changed_in_place(model, held, before)
    }


def flag(instance: Model) -> dict[str, tuple[Any, Any]]:
    """Let SQLAlchemy know of changes inside values, and return them, see `changes_inside`."""
    inside = changes_inside(instance)
    for name in inside:
        state: Any = inspect(instance)
        if name not in state.committed_state:
            flag_modified(instance, name)
    return inside


def form(value: Any) -> bytes:
    """Return the serialised form of *value*; equal forms are stored equally."""
    try:
        return to_json(
            value, bytes_mode="base64", inf_nan_mode="constants", by_alias=False, fallback=repr
        )
    except ValueError:  # half a surrogate pair, which the standard library takes
        return json.dumps(value, default=repr).encode()


def _is_mutable(annotation: Any, column_type: Any) -> bool:
    kind = bare(annotation)
    if is_class(kind, *_FIXED):
        return False
    python = getattr(column_type, "python_type", None) if not _is_json(column_type) else dict
    return python in (list, dict, set) or _is_json(column_type)


def _is_json(column_type: Any) -> bool:

    if isinstance(column_type, EncryptedText):
        return not is_class(column_type.annotation, *_FIXED)
    return isinstance(column_type, Document | JSON | ARRAY)
