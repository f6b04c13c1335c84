"""Finding the SearchIndex of a model: its own, its family's, or one that a shared base declares."""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING, Any

from .._errors import ConfigurationError
from .index import SearchIndex

if TYPE_CHECKING:
    from .._models.model import Model


def search_index(
    name: str,
    parent: type[Model] | None,
    bases: tuple[type[Any], ...],
    namespace: dict[str, Any],
) -> SearchIndex | None:
    """Return the index of the model *name*; that of a base without a table is copied for it."""
    found = [value for value in namespace.values() if isinstance(value, SearchIndex)]
    if found and parent is not None:
        raise ConfigurationError(
            f"{name}: a family is searched as a whole; declare the SearchIndex on its base."
        )
    if parent is not None:
        return parent.__search__
    if not found:
        shared = {
            key: copy(value)
            for base in reversed(bases)
            for owner in reversed(base.__mro__)
            for key, value in vars(owner).items()
            if isinstance(value, SearchIndex) and key != "__search__"
        }
        namespace.update(shared)
        found = list(shared.values())
    if len(found) > 1:
        raise ConfigurationError(f"{name}: a model has one SearchIndex; name all its fields there.")
    return found[0] if found else None
