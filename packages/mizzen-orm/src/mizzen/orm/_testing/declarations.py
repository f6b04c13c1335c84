"""What a factory's body may say of a field."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from .factory import Factory


class Sequence:
    """A value with the number of the object."""

    def __init__(self, make: str | Callable[[int], Any]) -> None:
        self._make = make

    def at(self, number: int) -> Any:
        """Return the value of object *number*."""
        return self._make.format(n=number) if isinstance(self._make, str) else self._make(number)


class Lazy:
    """A value that follows from others."""

    def __init__(self, make: Callable[[Any], Any]) -> None:
        self.make = make


class Sub:
    """An object of another factory."""

    def __init__(
        self, factory: type[Factory[Any]], traits: tuple[str, ...], values: dict[str, Any]
    ) -> None:
        self.factory, self.traits, self.values = factory, traits, values


class Trait:
    """Values that go together under a name."""

    def __init__(self, values: dict[str, Any]) -> None:
        self.values = values


# They return Any so that a factory may annotate a field with the model's own type.


def sequence(make: str | Callable[[int], Any]) -> Any:
    """Give each object another value: `sequence("Gist {n}")`, or of a function of the number."""
    return Sequence(make)


def lazy(make: Callable[[Any], Any]) -> Any:
    """Compute a value from the others: `lazy(lambda gist: gist.title.lower())`."""
    return Lazy(make)


def sub(factory: type[Factory[Any]], /, *traits: str, **values: Any) -> Any:
    """Make a related object, or (for a foreign key) save one and take its key."""
    return Sub(factory, traits, values)


def trait(**values: Any) -> Any:
    """Name values that go together: `popular = trait(stars=100)`, then `build("popular")`."""
    return Trait(values)
