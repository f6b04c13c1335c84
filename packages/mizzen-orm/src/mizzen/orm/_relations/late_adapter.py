"""SQLAlchemy's adapter of a collection, made when somebody needs it.

It tells SQLAlchemy of each row that is added or removed, and asks for its owner's state. Most
collections are only read: a hundred of them cost 600 µs with adapters and states, 60 without.
"""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any, cast

from sqlalchemy.orm import collections
from sqlalchemy.orm.attributes import set_committed_value

from .._errors import NotLoaded
from .._models.hydration import STATE, state_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .._models.model import Model


class LateAdapter:
    """Stands for the adapter on a class of lists; an instance's own one hides it."""

    def __get__(self, rows: Any, owner: type) -> Any:
        """Return the adapter, or None for a list that is no object's."""
        if rows is None or (held_by := getattr(rows, "_held_by", None)) is None:
            return None
        instance = held_by()
        if instance is None:
            raise gone()
        name, rows._held_by = rows._held_as, None
        state = state_of(instance)
        # It puts itself into the list.
        return cast("Any", collections).CollectionAdapter(state.manager[name].impl, state, rows)


def adapted_late(kind: type[Any]) -> type[Any]:
    """Let lists of *kind*, with slots `_held_by` and `_held_as`, get their adapters late."""
    cast("Any", collections)._prepare_instrumentation(kind)  # which leaves None in its place
    kind._sa_adapter = LateAdapter()
    return kind


def hold(instance: Model, name: str, rows: Iterable[Any], kind: type[Any] | None) -> None:
    """Let *rows* be the collection *name* of *instance* as it was loaded.

    *kind* is the class of the list; None leaves the list to SQLAlchemy.
    """
    held: dict[str, Any] = cast("Any", instance).__dict__
    if kind is None or STATE in held:
        set_committed_value(instance, name, ())  # makes a list
        list[Any].extend(held[name], rows)  # SQLAlchemy takes 3 µs for each of them
        return
    made = held[name] = kind(rows)
    made._held_by, made._held_as = weakref.ref(instance), name


def gone() -> NotLoaded:
    """Return what is wrong with the list of an object that nobody holds."""
    return NotLoaded("this list's object is gone: keep it in a variable meanwhile.")
