"""pandas, met here only: it has no types of its own to check against."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from .values import fitted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .columns import Column, Kind


def pandas_frame(columns: Sequence[Column], values: Sequence[Sequence[Any]], length: int) -> Any:
    """Return a pandas DataFrame.

    Nullable integers are Int64 and nullable booleans boolean; aware times are in UTC, to the
    microsecond; dates are midnights; decimals, bytes, times of day and JSON stay Python objects.
    """
    pandas: Any = importlib.import_module("pandas")
    made = {
        column.name: _series(pandas, column, given)
        for column, given in zip(columns, values, strict=True)
    }
    return pandas.DataFrame(made, index=pandas.RangeIndex(length))


def _series(pandas: Any, column: Column, given: Sequence[Any]) -> Any:
    kind, values = fitted(column, given)
    if kind == "category":
        return pandas.Series(pandas.Categorical(values, categories=list(column.choices)))
    if kind in {"datetime", "aware", "date", "duration"}:
        return _moments(pandas, kind, values)
    missing = column.nullable or None in values
    return pandas.Series(values, dtype=_dtype(pandas, kind, missing=missing))


def _moments(pandas: Any, kind: Kind, values: list[Any]) -> Any:
    # Through numpy, which keeps microseconds and every year: pandas 2 would count nanoseconds.
    numpy: Any = importlib.import_module("numpy")
    dtype = {"date": "datetime64[s]", "duration": "timedelta64[us]"}.get(kind, "datetime64[us]")
    if kind == "aware":
        values = [None if value is None else value.replace(tzinfo=None) for value in values]
    made = pandas.Series(numpy.array(values, dtype=dtype))
    return made.dt.tz_localize("UTC") if kind == "aware" else made


def _dtype(pandas: Any, kind: Kind, *, missing: bool) -> str:
    match kind:
        case "integer":
            return "Int64" if missing else "int64"
        case "boolean":
            return "boolean" if missing else "bool"
        case "float":
            return "float64"
        case "string":
            # From pandas 3 on "str" is what strings are everywhere.
            return "str" if int(pandas.__version__.split(".")[0]) >= 3 else "string"
        case _:
            return "object"
