"""Strict loading: rows that never ask the database for a relation by themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self, TypeVar, cast

from .._models.hydration import Result
from .chain import Chain

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .._core import Core
    from .._models.model import Model

M = TypeVar("M", bound="Model")


class Strict(Chain[M]):
    """What a query says about relations that it does not include."""

    def strict_loading(self) -> Self:
        """Refuse, with `NotLoaded`, every relation that is not included, `await` or not.

        It holds for the rows and for those included with them. In a transaction, which has one
        object for each row, a row stays strict for all who read it there.
        """
        return self._with(_strict=True)


def seal(rows: Iterable[Any], database: Core) -> None:
    """Let *rows*, and what was loaded with them, refuse relations that are not loaded."""
    result = Result(database, strict=True)
    waiting, seen = list(rows), set[int]()
    while waiting:
        row = waiting.pop()
        if row is None or id(row) in seen:
            continue
        seen.add(id(row))
        model = cast("Any", type(row))
        model._read.__set__(row, result)
        for name in model.__relations__:
            held: Any = row.__dict__.get(name)
            waiting += held if isinstance(held, list | set | tuple) else [held]
        for name in model.__polymorphic__:
            if name in row.__dict__:
                waiting.append(row.__dict__[name].value)
