"""What the web core and its neighbours expect of one another; all of it met structurally."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Protocol, TypeAlias, runtime_checkable

__all__ = ["ASGIApp", "Message", "Receive", "Scope", "Send", "Validated"]

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]

# Arguments are left open: every framework spells its scope and callables a little differently.
ASGIApp: TypeAlias = Callable[[Any, Any, Any], Awaitable[None]]


@runtime_checkable
class Validated(Protocol):
    """A class that builds itself from plain data, as pydantic and SQLModel classes do.

    What it raises for bad data may carry `errors()`: mappings with `loc` and `msg`.
    """

    @classmethod
    def model_validate(cls, obj: Any, /) -> Any:
        """Return an instance, or raise a ValueError."""
        ...
