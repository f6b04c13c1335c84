"""Hits: rows with their rank, and with marks around what the search has found in them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from sqlalchemy import inspect, select

from .._connections import sessions
from .._errors import UnknownName
from .._queries.reads import Reads
from .highlighting import Highlighter
from .matching import matched
from .words import words

if TYPE_CHECKING:
    from .._models.model import Model
    from .index import SearchIndex

M = TypeVar("M", bound="Model")
R = TypeVar("R", bound="Model", covariant=True)

_MARKS = ("<mark>", "</mark>")
# Up to here texts are marked at once (measured: 3 ms); more is marked in a thread.
_SHORT = 20_000


@dataclass(frozen=True)
class Hit(Generic[R]):
    """A row that a search has found.

    `rank` is higher for a better hit, and comparable within one search only; 0 where only filters
    were asked. `highlights` holds each searched field as HTML: escaped, with marks.
    """

    row: R
    rank: float
    highlights: Mapping[str, str]


class Hits(Reads[M]):
    """The hits of a query."""

    async def hits(
        self,
        limit: int = 20,
        *,
        highlight: tuple[str, str] = _MARKS,
        snippet: int | Mapping[str, int] | None = None,
        html: bool = True,
    ) -> list[Hit[M]]:
        """Return the best *limit* rows with their rank, and their texts with marks.

        *highlight* is put before and after what was found, as it is. *snippet* is how many words
        of a text are kept (for all fields, or by field), the part with the most hits. With
        `html=False` the text is not escaped: for terminals, never for pages. Only after
        `matching(text)`.
        """
        index = self._model.__search__
        if self._search is None or index is None:
            raise UnknownName("hits() follows a search: Model.matching(text).hits().")
        rows = await self.limit(limit if self._limit is None else min(limit, self._limit)).all()
        query = index.read(self._search)
        texts = [{name: getattr(row, name) or "" for name in index.fields} for row in rows]
        ranks = await self._ranks(rows)
        stems = await self._stems(index, texts, [w for term in query.wanted for w in term.words])
        highlighter = Highlighter(query.wanted, stems, highlight, html=html)

        def mark() -> list[dict[str, str]]:
            return [
                {name: highlighter.mark(name, text, _words(snippet, name))
                 for name, text in each.items()}
                for each in texts
            ]  # fmt: skip

        short = sum(len(text) for each in texts for text in each.values()) <= _SHORT
        marked = mark() if short else await asyncio.to_thread(mark)
        return [Hit(*found) for found in zip(rows, ranks, marked, strict=True)]

    async def pluck(self, *fields: str) -> list[Any]:
        """Return bare values of one field, or tuples of several."""
        if not self._distinct or self._search is None or self._keys:
            return await super().pluck(*fields)
        # The best of each value stands for it; the database could not sort them so.
        every = await self._with(_distinct=False, _limit=None, _offset=None)._plucked(fields)
        start = self._offset or 0
        end = None if self._limit is None else start + self._limit
        return list(dict.fromkeys(every))[start:end]

    async def _plucked(self, fields: tuple[str, ...]) -> list[Any]:
        return await super().pluck(*fields)

    async def _ranks(self, rows: list[M]) -> list[float]:
        database, keys = self._db(), [inspect(row).identity[0] for row in rows]
        if not rows:
            return []
        column = self._primary()[0]
        statement = self._marked(select(column))
        found = matched(statement, self._model, self._search or "", database.driver.search)
        if found.rank is None:
            return [0.0] * len(rows)
        asked: Any = found.statement.add_columns(found.rank).where(column.in_(keys))
        async with sessions.reader(database) as session:
            read: Any = await session.execute(asked)
            ranks = {key: float(rank) for key, rank in read}
        return [ranks.get(key, 0.0) for key in keys]

    async def _stems(
        self, index: SearchIndex, texts: list[dict[str, str]], asked: list[str]
    ) -> dict[str, str]:
        if index.shape.language == "simple":
            return {}
        database = self._db()
        have = {word for each in texts for text in each.values() for word in words(text)}
        async with sessions.reader(database) as session:
            connection = await session.connection()
            return await connection.run_sync(
                database.driver.search.stems, index.shape, sorted({*have, *asked})
            )


def _words(snippet: int | Mapping[str, int] | None, name: str) -> int | None:
    return snippet.get(name) if isinstance(snippet, Mapping) else snippet
