"""A collection that is read through other relations: a list that nobody changes, each row once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn, TypeVar, cast

from sqlalchemy.orm.collections import collection

from .._errors import ReadOnly
from .lazy import Related

if TYPE_CHECKING:
    from collections.abc import Callable

    from .._models.model import Model

T = TypeVar("T", bound="Model")
F = TypeVar("F", bound="Callable[..., Any]")

_collection: Any = collection


def _appender(function: F) -> F:
    return cast("F", _collection.appender(function))


def _remover(function: F) -> F:
    return cast("F", _collection.remover(function))


class ReadOnlyRelated(Related[T]):
    """What other relations lead to."""

    @_appender
    def _take(self, item: T) -> None:
        # Several ways may lead to one row.
        seen: set[int] = self.__dict__.setdefault("_seen", set())
        if id(item) not in seen:
            seen.add(id(item))
            list[Any].append(self, item)  # not the one that SQLAlchemy watches

    @_remover
    def _drop(self, item: T) -> None:
        self.__dict__.setdefault("_seen", set()).discard(id(item))
        list[Any].remove(self, item)

    def __reduce_ex__(self, _protocol: object) -> Any:
        adapter = self.__dict__.get("_sa_adapter")
        return type(self), (), (list(self), adapter)

    def __setstate__(self, state: tuple[list[T], Any]) -> None:
        items, adapter = state
        for item in items:
            self._take(item)
        if adapter is not None:
            self.__dict__["_sa_adapter"] = adapter


def _refuse(self: Related[Any], *_given: object, **_more: object) -> NoReturn:
    raise ReadOnly(
        "this collection is read through other relations: change those rows, or, where they are "
        "plain links, `await` its `add` and `discard`."
    )


def _sealed(method: Callable[..., Any]) -> Callable[..., Any]:
    method.__dict__["_sa_instrumented"] = True  # SQLAlchemy leaves it as it is
    return method


for _name in ("append", "extend", "insert", "remove", "pop", "clear"):
    setattr(ReadOnlyRelated, _name, _sealed(_refuse))
for _name in ("__setitem__", "__delitem__", "__iadd__"):
    setattr(ReadOnlyRelated, _name, _sealed(_refuse))
