"""Fields that are called like a method of `Model`: `count: int`, `first: str`, `load: float`.

The field wins: `Note.all().count()` still counts where `Note.count` is a column. pydantic would
take the method for the field's default, and warn.
"""

from __future__ import annotations

import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar, get_origin

from sqlmodel import Field

from .._errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable

# What every write goes through.
_TAKEN = {"create", "save", "update", "destroy", "reload"}


def make_room(
    name: str,
    parents: Iterable[type[Any]],
    namespace: dict[str, Any],
    annotations: dict[str, Any],
) -> list[str]:
    """Let required fields be required, and return those that hide something of *parents*."""
    hiding: list[str] = []
    for field, annotation in annotations.items():
        if annotation is ClassVar or get_origin(annotation) is ClassVar:
            continue
        if field in _TAKEN:
            raise ConfigurationError(
                f"{name}.{field}: a row is written by a method of this name; call the field "
                f'something else, and keep the column: Field(sa_column_kwargs={{"name": '
                f'"{field}"}}).'
            )
        if any(hasattr(parent, field) for parent in parents):
            hiding.append(field)
            known = any(field in getattr(parent, "__pydantic_fields__", {}) for parent in parents)
            if field not in namespace and not known:
                namespace[field] = Field()
    return hiding


@contextmanager
def unwarned(names: Iterable[str]) -> Generator[None]:
    """Keep pydantic from warning of what `make_room` has seen to."""
    with warnings.catch_warnings():
        said = rf'Field name "({"|".join(names)})" in .* shadows an attribute'
        warnings.filterwarnings("ignore", said)
        yield
