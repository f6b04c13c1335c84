"""`@before_save` and its like: what marks a method, and the conditions it runs under."""

from __future__ import annotations

from types import FunctionType
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, overload

from .._errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

F = TypeVar("F", bound="Callable[..., Any]")

ACTIONS = ("create", "update", "destroy")
MARKS = "__mizzen_callbacks__"


class Conditions(NamedTuple):
    """When a callback runs; an empty condition is always met."""

    changed: tuple[str, ...] = ()
    on: tuple[str, ...] = ()
    when: Callable[[Any], bool] | None = None

    def met(self, instance: Any, changed: Collection[str], action: str | None) -> bool:
        """Return whether the callback runs for this write."""
        return (
            (not self.changed or any(name in changed for name in self.changed))
            and (not self.on or action in self.on)
            and (self.when is None or self.when(instance))
        )


class Event:
    """A decorator for methods of a model or a mixin: `@before_save`, or with conditions.

    `if_changed="title"` (or several names): when one of these fields is written; `on="create"` (or
    several of create, update, destroy): for these writes only; `when=function`: when
    `function(instance)` is true. The method may be async; one that isn't must not block. What it
    raises ends the write, and rolls it back; `Abort("why")` in a `before_` callback says so on
    purpose. Bulk methods (`insert_all`, `update_all`, …) run no callbacks.
    """

    def __init__(self, name: str) -> None:
        self.__name__ = self.__qualname__ = name

    @overload
    def __call__(self, function: F, /) -> F: ...

    @overload
    def __call__(
        self,
        /,
        *,
        if_changed: str | Iterable[str] = (),
        on: str | Iterable[str] = (),
        when: Callable[[Any], bool] | None = None,
    ) -> Callable[[F], F]: ...

    def __call__(
        self,
        function: Any = None,
        /,
        *,
        if_changed: str | Iterable[str] = (),
        on: str | Iterable[str] = (),
        when: Callable[[Any], bool] | None = None,
    ) -> Any:
        """Mark *function*, or return the decorator with these conditions."""
        made = conditions(if_changed, on, when)

        def mark(method: Any) -> Any:
            if not isinstance(method, FunctionType):
                raise ConfigurationError(
                    f"@{self.__name__} goes on a plain or async method, not {method!r}."
                )
            marks: list[tuple[str, Conditions]] = method.__dict__.setdefault(MARKS, [])
            marks.append((self.__name__, made))
            return method

        return mark if function is None else mark(function)

    def __repr__(self) -> str:
        return f"<mizzen.orm.{self.__name__}>"


before_validate: Event = Event("before_validate")
after_validate: Event = Event("after_validate")
before_save: Event = Event("before_save")
after_save: Event = Event("after_save")
before_create: Event = Event("before_create")
after_create: Event = Event("after_create")
before_update: Event = Event("before_update")
after_update: Event = Event("after_update")
before_destroy: Event = Event("before_destroy")
after_destroy: Event = Event("after_destroy")
after_commit: Event = Event("after_commit")
after_rollback: Event = Event("after_rollback")


def conditions(
    if_changed: str | Iterable[str], on: str | Iterable[str], when: Callable[[Any], bool] | None
) -> Conditions:
    """Return conditions from what a caller wrote; raises `ConfigurationError`."""
    actions = (on,) if isinstance(on, str) else tuple(on)
    if wrong := [action for action in actions if action not in ACTIONS]:
        raise ConfigurationError(f"on={wrong[0]!r}: it is one of {', '.join(ACTIONS)}.")
    return Conditions(
        (if_changed,) if isinstance(if_changed, str) else tuple(if_changed), actions, when
    )
