"""`@cache.cached`: an async function whose results are fetched through the cache."""

from __future__ import annotations

import functools
import inspect
from typing import (
    TYPE_CHECKING,
    Any,
    Final,
    Generic,
    ParamSpec,
    Protocol,
    TypeVar,
    cast,
    get_type_hints,
)

from ._errors import Uncacheable
from ._keys import fill, from_arguments

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping, Sequence

    from ._cache import Cache
    from ._units import Duration

P = ParamSpec("P")
R = TypeVar("R")

_EXACT: Final = frozenset({str, int, bool, bytes, type(None)})
_REMEMBERED: Final = 1024
_UNRESOLVED: Final = object()  # annotations may name what is defined later


class Cached(Generic[P, R]):
    """A function with a cache in front; call it as before.

    Decorating again under the same name, as a re-run cell does, simply gives a new one.
    """

    def __init__(
        self,
        cache: Cache,
        function: Callable[P, Coroutine[Any, Any, R]],
        ttl: Duration | None,
        key: str | None,
        tags: Sequence[str],
        wanted: Any,
    ) -> None:
        if not inspect.iscoroutinefunction(function):
            raise Uncacheable(
                f"{function!r} is not an async function; cached() decorates those only"
            )
        functools.update_wrapper(self, function)
        self._cache, self._function, self._ttl = cache, function, ttl
        self._key, self._tags = key, tuple(tags)
        self._wanted: Any = _UNRESOLVED if wanted is None else wanted
        self._signature = inspect.signature(function)
        self._names: dict[object, tuple[str, list[str]]] = {}

    async def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Return the cached result, or call the function and cache what it returns."""
        key, tags = self._named(args, kwargs)
        if self._wanted is _UNRESOLVED:
            self._wanted = None if self._cache.keeps_objects else _annotation(self._function)
        return await self._cache.fetch(
            key,
            functools.partial(self._function, *args, **kwargs),
            ttl=self._ttl,
            tags=tags,
            type=self._wanted,
        )

    def key_for(self, *args: P.args, **kwargs: P.kwargs) -> str:
        """Return the key under which the result of such a call is cached."""
        return self._named(args, kwargs)[0]

    async def invalidate(self, *args: P.args, **kwargs: P.kwargs) -> bool:
        """Forget the result of such a call; return whether there was one."""
        return await self._cache.delete(self._named(args, kwargs)[0])

    async def refresh(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call the function now, whatever is cached, and cache what it returns."""
        await self.invalidate(*args, **kwargs)
        return await self.__call__(*args, **kwargs)

    def __get__(self, instance: object, owner: type | None = None) -> Any:
        """Bind to an instance: methods can be cached, under a `key` such as "{self.id}"."""
        return self if instance is None else functools.partial(cast("Any", self), instance)

    def __repr__(self) -> str:
        return f"<cached {self._function.__qualname__}{self._signature}>"

    def _named(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> tuple[str, list[str]]:
        """Return key and tags; remembered where equal arguments are surely the same arguments."""
        values = (*args, *kwargs.values())
        if not all(type(value) in _EXACT for value in values):
            return self._name(args, kwargs)
        call = (values, tuple(map(type, values)), tuple(kwargs))
        named = self._names.get(call)
        if named is None:
            if len(self._names) >= _REMEMBERED:
                self._names.clear()
            named = self._names[call] = self._name(args, kwargs)
        return named

    def _name(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> tuple[str, list[str]]:
        bound = self._signature.bind(*args, **kwargs)
        bound.apply_defaults()
        values = bound.arguments
        tags = [fill(tag, values) for tag in self._tags]
        if self._key is not None:
            return fill(self._key, values), tags
        return from_arguments(self._function, values), tags


class Cacheable(Protocol):
    """What `cache.cached(...)` returns: a decorator of async functions."""

    def __call__(self, function: Callable[P, Coroutine[Any, Any, R]], /) -> Cached[P, R]:
        """Decorate *function*."""
        ...


def cached(
    cache: Cache, ttl: Duration | None, key: str | None, tags: Sequence[str], wanted: Any
) -> Cacheable:
    """Return the decorator."""

    def decorate(function: Callable[P, Coroutine[Any, Any, R]], /) -> Cached[P, R]:
        return Cached(cache, function, ttl, key, tags, wanted)

    return decorate


def _annotation(function: Callable[..., object]) -> Any:
    """Return what the function says it returns, or None where that says nothing to a decoder."""
    try:
        said = get_type_hints(function, include_extras=True).get("return")
    except NameError as exc:
        raise Uncacheable(
            f"the annotations of {function.__qualname__} cannot be resolved ({exc}), so its "
            "results would not read back as what it returns; say it: @cache.cached(type=...)"
        ) from exc
    return None if said in (Any, object, type(None)) or isinstance(said, TypeVar) else said
