"""Batches: any number of rows, some at a time, in the order of the primary key."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar, cast

from sqlalchemy import tuple_

from .._errors import Invalid, UnknownName
from .reads import Reads

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from .._models.model import Model

M = TypeVar("M", bound="Model")


class Batches(Reads[M]):
    """The batches of a query."""

    async def in_batches(self, size: int = 500) -> AsyncGenerator[list[M]]:
        """Yield lists of at most *size* rows, in the order of the primary key.

        Each batch is one SELECT that begins after the last key, so that the loop may change or
        delete what it got, and a row added behind it is not missed. No connection is held between.
        """
        if not isinstance(cast("object", size), int) or size < 1:
            raise Invalid(f"in_batches({size!r}): a batch has one row or more.", errors=[])
        if self._keys or self._limit is not None or self._offset or self._search is not None:
            raise UnknownName(
                "in_batches() goes by the primary key: leave out order, limit, offset and matching."
            )
        columns = self._primary()
        query = self.order(*columns).limit(size)
        while found := await query.all():
            last = [getattr(found[-1], column.key) for column in columns]
            yield found
            if len(found) < size:
                return
            after = columns[0] > last[0] if len(columns) == 1 else tuple_(*columns) > tuple(last)
            query = self.where(after).order(*columns).limit(size)
