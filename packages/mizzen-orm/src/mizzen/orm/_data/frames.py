"""Data frames: columns and tuples become a pandas or polars DataFrame with fitting types.

A result without rows keeps its columns and their types. A column whose values are not what its
type promises (a TypeDecorator may return anything) becomes one of Python objects.
"""

from __future__ import annotations

import functools
import importlib.util
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

import anyio.to_thread

from .._errors import ConfigurationError
from .columns import column_of, columns_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .columns import Column

LIBRARIES = ("pandas", "polars")


class Plucked(Protocol):
    """A query, as far as a frame needs it."""

    async def pluck(self, *fields: str) -> list[Any]:
        """Return bare values of one field, or tuples of several."""
        ...


async def read_frame(
    query: Plucked,
    model: type,
    library: str | None = None,
    *,
    names: Sequence[str] | None = None,
    hidden: bool = False,
) -> Any:
    """Read columns of *query* straight into a DataFrame; see `Results.to_df`."""
    chosen = library_named(library)
    columns = columns_of(model, names, hidden=hidden)
    found = await query.pluck(*(column.name for column in columns))
    rows = found if len(columns) > 1 else [(value,) for value in found]
    # Importing pandas reads hundreds of files, and a large frame takes its time.
    build = functools.partial(frame, columns, rows, chosen)
    return await anyio.to_thread.run_sync(build)


class Selected(Protocol):
    """Chosen expressions of a query, as far as a frame needs them."""

    async def all(self) -> Sequence[Sequence[Any]]:
        """Return every row, a tuple."""
        ...

    def statement(self) -> Any:
        """Return SQLAlchemy's SELECT."""
        ...


async def values_frame(rows: Selected, library: str | None = None) -> Any:
    """Read rows of values into a DataFrame, with columns named as they were selected."""
    chosen = library_named(library)
    columns = [
        # A group's or a join's value may be missing, though its column has none.
        replace(column_of(str(name), expression), nullable=True)
        for name, expression in rows.statement().selected_columns.items()
    ]
    build = functools.partial(frame, columns, await rows.all(), chosen)
    return await anyio.to_thread.run_sync(build)


def frame(columns: Sequence[Column], rows: Sequence[Sequence[Any]], library: str) -> Any:
    """Return a DataFrame of *library* with one column for each of *columns*."""
    values: list[Sequence[Any]] = (
        list(zip(*rows, strict=True)) if rows else [() for _column in columns]
    )
    if library == "polars":
        from .polars_frames import polars_frame

        return polars_frame(columns, values)
    from .pandas_frames import pandas_frame

    return pandas_frame(columns, values, len(rows))


def library_named(library: str | None) -> str:
    """Return the library to use: as asked, else the one imported already, else one installed."""
    if library is None:
        ready = [name for name in LIBRARIES if name in sys.modules]
        ready += [name for name in LIBRARIES if _installed(name)]
        if not ready:
            raise ConfigurationError(
                "to_df() needs pandas or polars, and neither is installed: "
                '`pip install "mizzen-orm[pandas]"` or `pip install "mizzen-orm[polars]"`.'
            )
        return ready[0]
    if library not in LIBRARIES:
        raise ConfigurationError(f'to_df({library!r}): known are "pandas" and "polars".')
    if library not in sys.modules and not _installed(library):
        raise ConfigurationError(
            f'to_df("{library}"): {library} is not installed: '
            f'`pip install "mizzen-orm[{library}]"`.'
        )
    return library


def _installed(name: str) -> bool:
    return importlib.util.find_spec(name) is not None
