"""Queries are no lists: what would take one for a list is told what to write."""

from __future__ import annotations

from typing import TYPE_CHECKING


class UnlikeLists:
    """What runs when it is awaited, and can't be looped over, measured or indexed before."""

    if not TYPE_CHECKING:  # checkers refuse these by themselves

        def __getitem__(self, place: object) -> object:
            """Refuse an index, and what has no other way: `for`, `in`, `list()`."""
            if isinstance(place, slice):
                raise TypeError(
                    "a query has no rows before it runs: write "
                    "`await query.limit(rows).offset(skipped)`, or `(await query)[a:b]`."
                )
            raise TypeError(
                "a query has no rows before it runs: write `for row in await query`, or "
                "`await query.first()` for one of them."
            )

        def __len__(self) -> int:
            """Refuse a length."""
            raise TypeError(
                "a query has no length before it runs: write `await query.count()`, or "
                "`len(await query)`."
            )

        def __bool__(self) -> bool:
            """Refuse a truth, which every query would have."""
            raise TypeError(
                "a query is neither true nor false before it runs: write "
                "`await query.exists()`, or `query is None`."
            )
