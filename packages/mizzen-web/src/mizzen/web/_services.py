"""What the program provides to its handlers by type: values as they are, factories per request.

A factory is a function whose return annotation names the type; an async generator's code after
`yield` runs when the request is over, before the answer is sent, so that a failing commit is an
error and not a success already told. (Only a stream is sent first.) If the request failed, the
error is raised at the `yield`.
"""

from __future__ import annotations

import inspect
import typing
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Iterator
from typing import TYPE_CHECKING, Any, cast

from ._errors import DefinitionError
from ._signature import name_of, returned

if TYPE_CHECKING:
    from collections.abc import Mapping

_YIELDING = {AsyncGenerator, AsyncIterator, Generator, Iterator}


class Services:
    """Values and factories by type."""

    def __init__(self) -> None:
        self._values: dict[Any, Any] = {}
        self._factories: dict[Any, Callable[..., Any]] = {}

    def add(self, item: Any, kind: Any = None, known: Mapping[str, Any] | None = None) -> None:
        """Provide a value or a factory, in place of what its type had."""
        if inspect.isroutine(item):
            kind = kind or _made_by(item, dict(known or {}))
            self._values.pop(kind, None)
            self._factories[kind] = item
        else:
            kind = kind or cast("Any", type(item))
            self._factories.pop(kind, None)
            self._values[kind] = item

    def knows(self, kind: Any) -> bool:
        """Whether something was provided for a type, or is an instance of it."""
        return kind in self._factories or self._key(kind) is not None

    def factory(self, kind: Any) -> Callable[..., Any] | None:
        """Return the factory of a type, if it has one."""
        return self._factories.get(kind)

    def value(self, kind: Any) -> Any:
        """Return the value for a type; nothing provided is a DefinitionError."""
        key = self._key(kind)
        if key is None:
            name = getattr(kind, "__qualname__", kind)
            raise DefinitionError(f"nothing provides {name}; call web.provide(...) with one")
        return self._values[key]

    def _key(self, kind: Any) -> Any:
        if kind in self._values:
            return kind
        if not isinstance(kind, type) or kind is object:
            return None
        for key, value in self._values.items():
            try:
                if isinstance(value, kind):
                    return key
            except TypeError:  # a protocol that cannot be checked at run time
                return None
        return None

    def __len__(self) -> int:
        return len(self._values) + len(self._factories)


def _made_by(factory: Callable[..., Any], known: dict[str, Any]) -> Any:
    kind = returned(factory, known)
    if typing.get_origin(kind) in _YIELDING:
        kind = typing.get_args(kind)[0]
    if kind is None:
        raise DefinitionError(
            f"{name_of(factory)}() needs a return annotation: it says which type it provides"
        )
    return kind
