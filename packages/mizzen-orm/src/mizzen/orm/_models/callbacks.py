"""Callbacks: methods of a model, or functions from outside, that run around its writes.

`@before_save` and the like mark methods, of a model or a mixin; `User.on("after_save", function)`
registers from outside. A base's come first; a method that overrides one takes its place.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Collection
from types import FunctionType
from typing import TYPE_CHECKING, Any, cast

from .._errors import Abort, ConfigurationError
from .callback_marks import ACTIONS, MARKS, Conditions, conditions

if TYPE_CHECKING:
    from collections.abc import Iterable

Function = Callable[[Any], Awaitable[None] | None]

# Once it is committed or rolled back, nothing can be refused any more, and everybody is told.
ENDINGS = ("after_commit", "after_rollback")
EVENTS = (
    *(f"{time}_{what}" for what in ("validate", "save", *ACTIONS) for time in ("before", "after")),
    *ENDINGS,
)

_CACHED = "__callbacks__"
_REGISTERED = "__registered_callbacks__"


class Callbacks:
    """The callbacks of one model, in order; false when it has none."""

    def __init__(self, found: dict[str, list[tuple[Function, Conditions]]]) -> None:
        self._found = found

    def __bool__(self) -> bool:
        return bool(self._found)

    def has(self, *events: str) -> bool:
        """Return whether anything listens to one of *events*."""
        return any(event in self._found for event in events)

    async def run(
        self,
        event: str,
        instance: Any,
        *,
        changed: Collection[str] = (),
        action: str | None = None,
    ) -> None:
        """Run what listens to *event*, one after the other.

        `changed` names the fields that are (or were) written, `action` says which write it is. The
        first error ends it, except after the transaction's end: there each one runs, and the
        errors come out together.
        """
        errors: list[Exception] = []
        for function, wanted in self._found.get(event, ()):
            try:
                if wanted.met(instance, changed, action):
                    result = function(instance)
                    if inspect.isawaitable(result):
                        await result
            except Abort as error:
                error.__dict__.setdefault("model", type(instance).__name__)
                error.__dict__.setdefault("event", event)
                raise
            except Exception as error:
                if event not in ENDINGS:
                    raise
                errors.append(error)
        raise_together(errors, event)

    def __repr__(self) -> str:
        said = ", ".join(f"{event} {len(found)}" for event, found in self._found.items())
        return f"<callbacks: {said or 'none'}>"


def callbacks_of(model: type[Any]) -> Callbacks:
    """Return the callbacks of *model*, kept on the class."""
    found: Callbacks | None = model.__dict__.get(_CACHED)
    if found is None:
        found = Callbacks(_collect(model))
        type.__setattr__(model, _CACHED, found)
    return found


def register(
    model: type[Any],
    event: str,
    function: Function,
    *,
    if_changed: str | Iterable[str] = (),
    on: str | Iterable[str] = (),
    when: Callable[[Any], bool] | None = None,
) -> None:
    """Run *function*, called with the object, at an *event* of *model* and what inherits from it.

    The same function, or one defined again under its name (a cell run twice), is registered once.
    """
    if event not in EVENTS:
        raise ConfigurationError(f"{event!r} is no event; events are {', '.join(EVENTS)}.")
    if not callable(function):
        raise ConfigurationError(f"{model.__name__}.on({event!r}) takes a function.")
    own = dict(cast("dict[Any, Any]", model.__dict__.get(_REGISTERED, {})))
    own[event, _identity(function)] = (event, function, conditions(if_changed, on, when))
    type.__setattr__(model, _REGISTERED, own)
    _forget(model)


def carry_over(old: type[Any], new: type[Any]) -> None:
    """Give a model that was defined again what was registered on it from outside."""
    given = old.__dict__.get(_REGISTERED)
    if given:
        type.__setattr__(new, _REGISTERED, {**given, **new.__dict__.get(_REGISTERED, {})})
        _forget(new)


def raise_together(errors: list[Exception], event: str) -> None:
    """Raise the only error, or all of them as a group."""
    note = f"(in an {event} callback: the transaction itself has ended)"
    for error in errors:
        if note not in getattr(error, "__notes__", ()):
            error.add_note(note)
    if len(errors) > 1:
        raise ExceptionGroup(f"{len(errors)} {event} callbacks failed", errors)
    if errors:
        raise errors[0]


def _collect(model: type[Any]) -> dict[str, list[tuple[Function, Conditions]]]:
    found: dict[str, list[tuple[Function, Conditions]]] = {}
    for event, function, wanted in _listeners(model):
        fields = {*getattr(model, "__pydantic_fields__", {}), *getattr(model, "__relations__", {})}
        for name in wanted.changed:
            if fields and name not in fields:
                raise ConfigurationError(
                    f"{model.__name__}: a callback has if_changed={name!r}, which is no field."
                )
        found.setdefault(event, []).append((function, wanted))
    return found


def _listeners(model: type[Any]) -> Iterable[tuple[str, Function, Conditions]]:
    # A dict keeps the place of a method's first definition when a subclass overrides it.
    methods: dict[object, list[tuple[str, Function, Conditions]]] = {}
    for base in reversed(model.__mro__):
        for name, value in vars(base).items():
            marks: list[tuple[str, Conditions]] | None = None
            if isinstance(value, FunctionType):
                marks = value.__dict__.get(MARKS)
            if marks is not None:
                methods[name] = [(event, value, wanted) for event, wanted in marks]
            elif name in methods:
                held = methods[name]
                methods[name] = [(event, value, wanted) for event, _, wanted in held if value]
        for key, listener in vars(base).get(_REGISTERED, {}).items():
            methods[key] = [listener]
    return [listener for listeners in methods.values() for listener in listeners]


def _identity(function: Any) -> object:
    name: str = getattr(function, "__qualname__", "<locals>")
    if "<locals>" in name or not isinstance(function, FunctionType):
        return function  # made by a function, maybe often: each is one of its own
    if "<lambda>" in name:
        return function.__module__, function.__code__
    return function.__module__, name


def _forget(model: type[Any]) -> None:
    if _CACHED in vars(model):
        type.__delattr__(model, _CACHED)
    heirs: list[type[Any]] = type.__subclasses__(model)
    for heir in heirs:
        _forget(heir)
