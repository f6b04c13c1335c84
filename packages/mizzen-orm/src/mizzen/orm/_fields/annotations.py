"""What a field's annotation says: its markers, its plain type, whether JSON carries it."""

from __future__ import annotations

import types
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel
from sqlmodel.main import RelationshipInfo

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import FrameType

    from pydantic.fields import FieldInfo

T = TypeVar("T")

_PLAIN = {str, int, float, bool, type(None), Any, dict, list}


def resolved(
    annotations: Mapping[str, Any], body: Mapping[str, Any], frame: FrameType
) -> dict[str, Any]:
    """Return *annotations* with texts evaluated where the class with this *body* is being defined.

    Under `from __future__ import annotations` pydantic finds what a module defines, and not what
    the function around the class does.
    """
    made = dict(annotations)
    if frame.f_code.co_name == "<module>":
        return made
    for name, annotation in annotations.items():
        if isinstance(annotation, str) and not isinstance(body.get(name), RelationshipInfo):
            # What isn't defined yet stays text, and is said to be where it matters.
            with suppress(Exception):
                made[name] = eval(annotation, frame.f_globals, frame.f_locals)  # noqa: S307
    return made


def markers(field: FieldInfo, kind: type[T]) -> list[T]:
    """Return the markers of one kind in `Annotated[...]`, also inside `Annotated[...] | None`."""
    found = [*field.metadata, *_nested(field.annotation)]
    return [marker for marker in found if isinstance(marker, kind)]


def bare(annotation: Any) -> Any:
    """Return *annotation* without `Annotated` and `None`; a union of several stays one."""
    if get_origin(annotation) is Annotated:
        return bare(get_args(annotation)[0])
    if is_union(annotation):
        parts = [part for part in get_args(annotation) if part is not type(None)]
        if len(parts) == 1:
            return bare(parts[0])
    return annotation


def is_union(annotation: Any) -> bool:
    """Return whether *annotation* is `A | B`."""
    return get_origin(annotation) in (Union, types.UnionType)


def is_plain_json(annotation: Any) -> bool:
    """Return whether JSON gives back exactly the values that *annotation* allows."""
    annotation = bare(annotation)
    if annotation in _PLAIN:
        return True
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is dict:
        return bare(parts[0]) is str and is_plain_json(parts[1])
    return (origin is list or is_union(annotation)) and all(map(is_plain_json, parts))


def mentioned(annotation: Any) -> Iterator[Any]:
    """Give every type that occurs in *annotation*."""
    yield annotation
    for part in get_args(annotation):
        yield from mentioned(part)


def is_class(annotation: Any, *kinds: type) -> bool:
    """Return whether *annotation* is a class, of one of *kinds* if any are given."""
    return isinstance(annotation, type) and (not kinds or issubclass(annotation, kinds))


def is_document(annotation: Any) -> bool:
    """Return whether *annotation* has parts: a container, a pydantic model, a dataclass…"""
    annotation = bare(annotation)
    if annotation is Any or is_union(annotation):
        return True
    kind = get_origin(annotation) or annotation
    containers = (dict, list, set, frozenset, tuple, BaseModel)
    abstract = getattr(kind, "__module__", "") == "collections.abc"
    typed = hasattr(kind, "__dataclass_fields__") or hasattr(kind, "__total__")
    return is_class(kind, *containers) or abstract or typed


def _nested(annotation: Any) -> Iterator[Any]:
    if get_origin(annotation) is Annotated:
        yield from annotation.__metadata__
        yield from _nested(get_args(annotation)[0])
    elif is_union(annotation):
        for part in get_args(annotation):
            yield from _nested(part)
