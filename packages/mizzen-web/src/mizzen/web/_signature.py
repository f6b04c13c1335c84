"""Reading a handler's parameters: names, resolved annotations, defaults, sources."""

from __future__ import annotations

import inspect
import typing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any
from weakref import WeakKeyDictionary

from ._errors import DefinitionError

if TYPE_CHECKING:
    from collections.abc import Callable

REQUIRED: Any = inspect.Parameter.empty
# How many calling functions are searched for a class that an annotation names.
_REACH = 16


_resolved: WeakKeyDictionary[Any, dict[str, Any]] = WeakKeyDictionary()


@dataclass(frozen=True, slots=True)
class Query:
    """`Annotated[int, Query("p")]`: from the query, under this name."""

    name: str | None = None


@dataclass(frozen=True, slots=True)
class Header:
    """`Annotated[str, Header("x-token")]`: from a header; by default the parameter's with "-"."""

    name: str | None = None


@dataclass(frozen=True, slots=True)
class Cookie:
    """`Annotated[str, Cookie("theme")]`: from a cookie."""

    name: str | None = None


@dataclass(frozen=True, slots=True)
class Body:
    """`Annotated[int, Body()]`: the JSON body, for a type that would else be a query field."""


Marker = Query | Header | Cookie | Body


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a handler or hook; no annotation is REQUIRED."""

    name: str
    annotation: Any
    default: Any = REQUIRED
    marker: Marker | None = None


def read_parameters(
    function: Callable[..., Any], *, method: bool = False, known: dict[str, Any] | None = None
) -> list[Parameter]:
    """Return what a function wants; `method` leaves out its `self`."""
    hints = _hints(function, known or {})
    found: list[Parameter] = []
    listed = list(inspect.signature(function).parameters.values())
    for item in listed[1:] if method else listed:
        if item.kind not in {item.POSITIONAL_OR_KEYWORD, item.KEYWORD_ONLY}:
            raise DefinitionError(f"{name_of(function)}(): {item} cannot be filled by name")
        annotation, marker = _unwrap(hints.get(item.name, item.empty))
        found.append(Parameter(item.name, annotation, item.default, marker))
    return found


def name_of(function: Any) -> str:
    """Return how to call a function in a message."""
    return str(getattr(function, "__qualname__", None) or type(function).__qualname__)


def returned(function: Callable[..., Any], known: dict[str, Any] | None = None) -> Any:
    """Return the resolved return annotation, or None."""
    return _hints(function, known or {}).get("return")


def _unwrap(annotation: Any) -> tuple[Any, Marker | None]:
    if typing.get_origin(annotation) is not Annotated:
        return annotation, None
    marker = next((m for m in annotation.__metadata__ if isinstance(m, Marker)), None)
    if marker is None:
        marker = next((m() for m in annotation.__metadata__ if _is_marker_class(m)), None)
    # msgspec reads its own constraints (msgspec.Meta) from the annotation, so they stay.
    others = [m for m in annotation.__metadata__ if not isinstance(m, Marker | type)]
    bare = annotation.__origin__
    return (Annotated[(bare, *others)] if others else bare), marker


def _is_marker_class(item: Any) -> bool:
    return item in {Query, Header, Cookie, Body} if isinstance(item, type) else False


def _hints(function: Callable[..., Any], known: dict[str, Any]) -> dict[str, Any]:
    # Kept, because a route is compiled again long after the frames of its definition are gone.
    key = getattr(function, "__func__", function)
    if key not in _resolved:
        _resolved[key] = _resolve(function, known)
    return _resolved[key]


def _resolve(function: Callable[..., Any], known: dict[str, Any]) -> dict[str, Any]:
    target = function if hasattr(function, "__annotations__") else type(function).__call__
    try:
        return typing.get_type_hints(target, include_extras=True)
    except NameError:
        pass
    # Annotations kept as text, of classes that live in an enclosing function, as in tests.
    names: dict[str, Any] = dict(known)
    scopes: list[dict[str, Any]] = []
    frame = inspect.currentframe()
    while frame is not None and len(scopes) < _REACH:
        if frame.f_code.co_name != "<module>":
            scopes.append(frame.f_locals)
        frame = frame.f_back
    for scope in reversed(scopes):
        names |= scope
    names |= getattr(target, "__globals__", {})
    try:
        return typing.get_type_hints(target, globalns=names, include_extras=True)
    except NameError as exc:
        raise DefinitionError(
            f"{name_of(function)}(): its annotations name {exc.name!r}, which is not known at run "
            "time; import it outside `if TYPE_CHECKING:`"
        ) from exc
