"""Results: the list of models that a query returns, which shows itself as a table in a notebook."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, SupportsIndex, TypeVar, cast, overload

from .columns import columns_of
from .table import LINES, html_rows

if TYPE_CHECKING:
    from collections.abc import Iterable

M = TypeVar("M")


class Results(list[M]):
    """A list of models of one kind; slices of it are Results too.

    *model* names the columns of an empty result.
    """

    __slots__ = ("_model",)

    def __init__(self, rows: Iterable[M] = (), model: type[M] | None = None) -> None:
        super().__init__(rows)
        self._model = model

    @property
    def model(self) -> type[M] | None:
        """The model of these rows; None when there are none and nobody said."""
        return self._model or (type(self[0]) if self else None)

    def to_df(self, library: str | None = None, *, hidden: bool = False) -> Any:
        """Return a pandas or polars DataFrame, with a column for each mapped column.

        *library* is "pandas" or "polars"; without it, the one that is imported already, else the
        one that is installed. Fields with `repr=False` come along only with *hidden*. What was
        not loaded is missing, as None is. On a large result `await query.to_df()` is faster: it
        makes no objects.
        """
        from .frames import frame, library_named

        chosen = library_named(library)
        columns = columns_of(self.model, hidden=hidden) if self.model is not None else []
        names = [column.name for column in columns]
        return frame(columns, [tuple(map(vars(row).get, names)) for row in self], chosen)

    def copy(self) -> Results[M]:
        """Return a shallow copy."""
        return Results(self, self._model)

    @overload
    def __getitem__(self, index: SupportsIndex, /) -> M: ...
    @overload
    def __getitem__(self, index: slice, /) -> Results[M]: ...
    def __getitem__(self, index: SupportsIndex | slice, /) -> Any:
        """Return one row, or Results for a slice."""
        found: Any = super().__getitem__(cast("slice", index))
        return Results[Any](found, self.model) if isinstance(index, slice) else found

    def _repr_html_(self) -> str:
        model = self.model
        if model is None:
            return "<p>no rows</p>"
        names = [column.name for column in columns_of(model)]
        shown = [vars(row) for row in self[:LINES]]
        return html_rows(model.__name__, names, shown, len(self))
