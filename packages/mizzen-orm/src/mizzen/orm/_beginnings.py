"""The ways to begin a query on a model class: `Gist.order("-id")`, `Gist.count()`.

They live on the metaclass, so that a field may be called `count` or `order`; on such a model
`Gist.all().count()` says the same.
"""

# A metaclass's methods get the class as `cls`, which checkers accept for built-in ones only.
# pyright: reportGeneralTypeIssues=false, reportSelfClsParameterName=false
# mypy: disable-error-code="misc"

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from ._query import Query

if TYPE_CHECKING:
    from ._model import Model

M = TypeVar("M", bound="Model")


class Beginnings:
    """What `ModelMeta` adds to every model class, and not to its instances."""

    def all(cls: type[M]) -> Query[M]:
        """Return the query for every row."""
        return Query(cls)

    def order(cls: type[M], *keys: object) -> Query[M]:
        """Return the query in an order; see `Query.order`."""
        return Query(cls).order(*keys)

    def include(cls: type[M], *relations: object) -> Query[M]:
        """Return the query with relations loaded; see `Query.include`."""
        return Query(cls).include(*relations)

    def join(cls: type[M], *others: object) -> Query[M]:
        """Return the query joined to related models; see `Query.join`."""
        return Query(cls).join(*others)

    async def count(cls: type[M]) -> int:
        """Return the number of rows."""
        return await Query(cls).count()

    async def exists(cls: type[M], **lookups: Any) -> bool:
        """Return whether a row matches."""
        return await Query(cls).where(**lookups).exists()

    async def first(cls: type[M]) -> M | None:
        """Return the row with the lowest primary key, or None."""
        return await Query(cls).first()
