"""polars, met here only."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from .values import fitted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .columns import Column, Kind

_DIGITS = 38  # the most that a polars Decimal holds


def polars_frame(columns: Sequence[Column], values: Sequence[Sequence[Any]]) -> Any:
    """Return a polars DataFrame.

    Enums are Enum, aware times Datetime in UTC; decimals are Decimal; JSON and whatever has no
    polars type is Object.
    """
    polars: Any = importlib.import_module("polars")
    return polars.DataFrame(
        [_series(polars, column, given) for column, given in zip(columns, values, strict=True)]
    )


def _series(polars: Any, column: Column, given: Sequence[Any]) -> Any:
    kind, values = fitted(column, given)
    if kind == "decimal":
        scale = _scale(column, values)
        if scale is None:
            return polars.Series(column.name, values, dtype=polars.Object)
        return polars.Series(column.name, values, dtype=polars.Decimal(_DIGITS, scale))
    dtype = polars.Enum(list(column.choices)) if kind == "category" else _dtype(polars, kind)
    return polars.Series(column.name, values, dtype=dtype)


def _dtype(polars: Any, kind: Kind) -> Any:
    return {
        "integer": polars.Int64,
        "float": polars.Float64,
        "boolean": polars.Boolean,
        "string": polars.String,
        "datetime": polars.Datetime("us"),
        "aware": polars.Datetime("us", "UTC"),
        "date": polars.Date,
        "time": polars.Time,
        "duration": polars.Duration("us"),
        "bytes": polars.Binary,
    }.get(kind, polars.Object)


def _scale(column: Column, values: list[Any]) -> int | None:
    """Return the digits after the point that every value needs; None when polars can't hold it."""
    exponents = [-int(value.as_tuple().exponent) for value in values if value is not None]
    scale = max([column.scale or 0, *exponents, 0])
    whole = max((value.adjusted() + 1 for value in values if value), default=0)
    return scale if whole + scale <= _DIGITS else None
