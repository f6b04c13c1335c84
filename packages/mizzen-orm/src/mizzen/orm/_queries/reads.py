"""Reads: what runs a query and gives its rows, one row, a number or bare values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, cast

from sqlalchemy import func, inspect, select

from .._connections import sessions
from .._data.results import Results
from .._errors import MultipleFound, NotFound, UnknownName
from .._models.hydration import key_names
from .._relations import polymorphic_loading
from . import cached, fetching, including, locking, partial, strict
from .chain import Chain, among
from .keys import key_parts
from .lookups import readable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Generator

    from .._models.model import Model

M = TypeVar("M", bound="Model")

_ROWS_A_FETCH = 500


class Reads(Chain[M]):
    """The reads of a query."""

    def __await__(self) -> Generator[Any, None, Results[M]]:
        return self.all().__await__()

    async def all(self) -> Results[M]:
        """Return every row, in a list that a notebook shows as a table."""
        database = self._db()
        plain = self._lock is None and not self._fields
        straight = fetching.straight_to(database, self._model) if plain else None
        named = len(self._paths) == len(self._options)
        kept = cached.way(self, database) if self._kept is not None else None
        if kept is None and named and including.simple(self._model, self._paths):
            kept = straight
        if kept is not None:
            rows = await fetching.found(kept, database, self)
            if self._later:
                await polymorphic_loading.include(database, rows, self._later)
            if self._strict:
                strict.seal(rows, database)
            return Results(rows, self._model)
        if self._lock is not None:
            locking.require_transaction(database)
        async with sessions.reader(database) as session:
            found = list((await session.scalars(self.statement())).all())
        if self._fields:
            partial.guard(found, self._fields)
        if self._later:
            await polymorphic_loading.include(database, found, self._later)
        if self._strict:
            strict.seal(found, database)
        return Results(found, self._model)

    async def __aiter__(self) -> AsyncIterator[M]:
        """Iterate over any number of rows, 500 in memory at once, without those deleted meanwhile.

        The keys are read first and no connection is held between batches, so that leaving the loop
        early leaks nothing and the loop's body may write.
        """
        database = self._db()
        async with sessions.reader(database) as session:
            keys = [tuple(row) for row in await session.execute(self._rows())]
        columns = self._primary()
        for start in range(0, len(keys), _ROWS_A_FETCH):
            part = keys[start : start + _ROWS_A_FETCH]
            rows = self._fresh().where(among(columns, part))
            found = {
                inspect(row).identity: row
                for row in await rows._with(
                    _options=self._options,
                    _paths=self._paths,
                    _later=self._later,
                    _fields=self._fields,
                    _strict=self._strict,
                ).all()
            }
            for key in part:
                if key in found:
                    yield found[key]

    async def first(self) -> M | None:
        """Return the first row, by primary key when no order is given, or None."""
        query = self if self._keys or self._search is not None else self.order(*self._primary())
        found = await query.limit(1 if self._limit is None else min(1, self._limit)).all()
        return found[0] if found else None

    async def one(self) -> M:
        """Return the only row; raises `NotFound` or `MultipleFound`."""
        found = await self.limit(2).all()
        if len(found) > 1:
            raise MultipleFound(f"more than one {self._model.__name__} matches.")
        if not found:
            raise NotFound(f"no {self._model.__name__} matches.", model=self._model.__name__)
        return found[0]

    async def get(self, key: Any) -> M:
        """Return the row with this primary key; raises `NotFound`."""
        found = await self.find(key)
        if found is None:
            name = self._model.__name__
            raise NotFound(f"there is no {name} {key!r}.", model=name, key=key)
        return found

    async def find(self, key: Any) -> M | None:
        """Return the row with this primary key (a tuple, if it has several columns), or None."""
        if self._is_bare() and key.__class__ is not tuple and len(key_names(self._model)) == 1:
            database = self._db()
            straight = fetching.straight_to(database, self._model)
            if straight is not None:
                return cast("M | None", await fetching.by_key(straight, database, self._model, key))
        columns = self._primary()
        parts = zip(columns, key_parts(self._model, columns, key), strict=True)
        found = await self.where(*(field == part for field, part in parts)).all()
        return found[0] if found else None

    async def find_by(self, **lookups: Any) -> M | None:
        """Return the first row that matches, or None."""
        return await self.where(**lookups).first()

    async def count(self) -> int:
        """Return the number of rows."""
        async with sessions.reader(self._db()) as session:
            rows = self._rows().subquery()
            return int(await session.scalar(select(func.count()).select_from(rows)) or 0)

    async def exists(self) -> bool:
        """Return whether there is a row."""
        async with sessions.reader(self._db()) as session:
            return bool(await session.scalar(select(self._rows().exists())))

    async def pluck(self, *fields: str) -> list[Any]:
        """Return bare values of one field, or tuples of several."""
        chosen = [readable(self._model, name) for name in fields]
        if not chosen:
            raise UnknownName("pluck() takes the names of one or more fields.")
        statement = self.statement().with_only_columns(*chosen, maintain_column_froms=True)
        async with sessions.reader(self._db()) as session:
            if len(chosen) == 1:
                return list((await session.scalars(statement)).all())
            return [tuple(row) for row in await session.execute(statement)]
