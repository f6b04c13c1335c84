"""A relation to many rows, loaded or not: what can be done with it, at once, by `await`.

await post.tags.add(red, blue)
await post.comments.create(body="…")
await post.comments.where(stars__gt=3).order("-id")
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .._models.model import Model
    from .._queries.query import Query

T = TypeVar("T", bound="Model")


class Collection(Generic[T]):
    """Rows that belong to one row; none of these needs them loaded."""

    def _belongs(self) -> tuple[Model, str]:
        raise NotImplementedError

    async def add(self, *others: T) -> None:
        """Let rows belong here too; those that do already stay as they are.

        With a `link_model` (or `through` a plain one) link rows are inserted; otherwise the rows'
        own foreign keys are written, as `update` does. New objects are saved.
        """
        from . import collecting

        await collecting.add(*self._belongs(), others)

    async def discard(self, *others: T) -> None:
        """Let rows belong here no more; one that doesn't is no error.

        Link rows are deleted. Otherwise the rows' own keys become NULL, or, where the relation says
        `dependent="destroy"` or "delete", the rows are destroyed.
        """
        from . import collecting

        await collecting.discard(*self._belongs(), others)

    async def replace(self, others: Iterable[T]) -> None:
        """Let exactly these rows belong here; `replace([])` empties the collection."""
        from . import collecting

        await collecting.replace(*self._belongs(), list(others))

    async def create(self, **values: Any) -> T:
        """Create a row that belongs here, and return it."""
        from . import collecting

        return cast("T", await collecting.create(*self._belongs(), values))

    def where(self, *conditions: object, **lookups: Any) -> Query[T]:
        """Return the query for the rows that belong here and meet every condition."""
        from . import collecting

        return collecting.query(*self._belongs()).where(*conditions, **lookups)
