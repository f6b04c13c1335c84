"""Making a column's values fit: which kind they really are, in the form that libraries take."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

from .columns import category

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .columns import Column, Kind

_LARGEST = 2**63 - 1
_TYPES: dict[Kind, set[type]] = {
    "integer": {int},
    "float": {float, int},
    "boolean": {bool},
    "string": {str},
    "category": {str},
    "decimal": {Decimal},
    "datetime": {datetime},
    "aware": {datetime},
    "date": {date},
    "time": {time},
    "duration": {timedelta},
    "bytes": {bytes},
    "uuid": {UUID},
}


def fitted(column: Column, values: Sequence[Any]) -> tuple[Kind, list[Any]]:
    """Return the kind that *values* really have, and the values in its plain form.

    Categories and UUIDs come as text, aware times in UTC. What fits no kind is "object".
    """
    kind = column.kind
    found: list[Any] = list(values)
    if kind == "category":
        found = [category(value) for value in values]
    if not {type(value) for value in found} <= _TYPES.get(kind, set()) | {type(None)}:
        return "object", list(values)
    if kind in {"datetime", "aware"}:
        return _times(column, found)
    if kind == "time" and any(value is not None and value.tzinfo for value in found):
        return "object", found
    if kind == "integer" and any(value is not None and abs(value) > _LARGEST for value in found):
        return "object", found
    if kind == "category" and not set(found) <= {*column.choices, None}:
        return "string", found
    if kind == "decimal" and any(value is not None and not value.is_finite() for value in found):
        return "object", found
    if kind == "uuid":
        return "string", [None if value is None else str(value) for value in found]
    return kind, found


def _times(column: Column, values: list[datetime | None]) -> tuple[Kind, list[Any]]:
    zones = {value.tzinfo is not None for value in values if value is not None}
    if len(zones) > 1:
        return "object", values
    if True not in zones and (zones or column.kind == "datetime"):
        return "datetime", values
    try:
        return "aware", [None if value is None else value.astimezone(UTC) for value in values]
    except OverflowError:  # the first hours of the year 1 are in no year in UTC
        return "object", values
