"""Queries that give a data frame."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from .._queries.reads import Reads

if TYPE_CHECKING:
    from .._models.model import Model

M = TypeVar("M", bound="Model")


class Framed(Reads[M]):
    """What a query gives to those who compute with columns."""

    async def to_df(self, library: str | None = None, *, hidden: bool = False) -> Any:
        """Read the rows into a pandas or polars DataFrame, without making objects.

        Columns are the model's, or those of `only()`; see `Results.to_df` for *library* and
        *hidden*. Importing the library and building the frame happen in a thread.
        """
        from .frames import read_frame

        names = self._fields or None
        return await read_frame(self, self._model, library, names=names, hidden=hidden)
