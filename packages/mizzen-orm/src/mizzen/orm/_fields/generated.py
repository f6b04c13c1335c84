"""Columns that the database computes: `area: Annotated[int | None, Generated("w * h")] = None`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic_core import CoreSchema, core_schema

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler


@dataclass(frozen=True)
class Generated:
    """Marks a field that the database computes from others of its row, in its own SQL.

    Give it the default None, which it holds until the row is saved; no other value can be given.
    `stored=False` computes it at each read (not on PostgreSQL before 18).
    """

    sql: str
    stored: bool = True

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_after_validator_function(_only_none, handler(source))


def _only_none(value: Any) -> Any:
    if value is not None:
        raise ValueError("the database computes this field: leave it out")
    return value
