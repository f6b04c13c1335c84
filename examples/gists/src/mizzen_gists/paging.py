"""Long lists in pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

from mizzen.orm import Model

if TYPE_CHECKING:
    from mizzen.orm import Query

M = TypeVar("M", bound=Model)


class Page(NamedTuple, Generic[M]):
    """Some rows of a list, and where they stand in it; pages are counted from 1."""

    rows: list[M]
    total: int
    number: int
    pages: int


async def page_of(query: Query[M], number: int, *, size: int) -> Page[M]:
    """Return one page of *size* rows; for a number from nowhere, the nearest that there is."""
    total = await query.count()
    pages = max(1, -(-total // size))
    number = min(max(1, number), pages)
    return Page(await query.limit(size).offset((number - 1) * size), total, number, pages)
