"""One annotation of a function, though others may name what is only imported for type checkers."""

from __future__ import annotations

import functools
import inspect
import typing
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


def returned(fn: Callable[..., Any]) -> Any:
    """The type that *fn* says it returns; Any when it doesn't say, or not in time."""
    return _hint(fn, "return")


def first_parameter(fn: Callable[..., Any]) -> Any:
    """The type of the first argument."""
    try:
        return _hint(fn, next(iter(inspect.signature(fn).parameters), ""))
    except (TypeError, ValueError):  # a builtin without a signature
        return Any


def written(fn: Callable[..., Any]) -> Callable[..., Any]:
    """The function that stands behind a partial or an object that can be called."""
    while isinstance(fn, functools.partial):
        fn = fn.func
    return fn if inspect.isroutine(fn) else type(fn).__call__


def _hint(fn: Callable[..., Any], name: str) -> Any:
    function = written(fn)
    annotations: dict[str, Any] = getattr(function, "__annotations__", {})
    if name not in annotations:
        return Any
    one = SimpleNamespace(__annotations__={name: annotations[name]})
    try:
        names: dict[str, Any] = getattr(inspect.unwrap(function), "__globals__", {})
        return typing.get_type_hints(one, names, include_extras=True)[name]
    except (NameError, TypeError):
        return Any
