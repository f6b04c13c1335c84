"""Queries of rows that are marked as deleted, see `SoftDelete`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self, TypeVar, cast

from .._errors import UnknownName
from .chain import Chain

if TYPE_CHECKING:
    from .._models.model import Model

M = TypeVar("M", bound="Model")


class Deleted(Chain[M]):
    """What a query says about rows marked as deleted."""

    def with_deleted(self) -> Self:
        """Keep rows of this model that are marked as deleted; those of others stay out."""
        if not self._model.__soft_delete__:
            raise UnknownName(f"{self._model.__name__} is no SoftDelete: its rows are not marked.")
        return self._with(_deleted=True)

    def only_deleted(self) -> Self:
        """Keep the rows that are marked as deleted."""
        deleted = cast("Any", self._model).deleted_at
        return self.with_deleted()._with(_conditions=(*self._conditions, deleted.is_not(None)))
