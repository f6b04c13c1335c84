"""Numbers and rows of values from a query: sums, groups, chosen expressions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import Boolean, Float, Integer, Numeric, Row, func, inspect, select
from sqlalchemy.types import NullType

from .._connections import sessions
from .._errors import UnknownName
from .._fields.lookups import refuse_order_by
from .chain import Chain
from .lookups import column
from .rows import Rows, chosen

if TYPE_CHECKING:
    from sqlalchemy import CTE, Subquery

    from .._models.model import Model

M = TypeVar("M", bound="Model")


class Aggregates(Chain[M]):
    """What a query gives besides objects."""

    def select(self, *fields: object, **named: Any) -> Rows:
        """Return rows of these values: fields ("title"), expressions, and named expressions."""
        columns = chosen(self._model, fields, named)
        if not columns:
            raise UnknownName("select() takes fields and expressions.")
        return Rows(self._model, self._database, self._unsorted(), columns).order(*self._keys)

    def annotate(self, **named: Any) -> Rows:
        """Return rows of every field and these expressions beside them."""
        fields = [each.key for each in inspect(self._model).column_attrs]
        return self.select(*fields, **named)

    def group(self, *fields: object) -> Rows:
        """Return one row for each different value of *fields*; `annotate` adds to it.

        `Note.group("owner_id").annotate(total=func.count()).having(func.count() > 1)`.
        """
        columns = chosen(self._model, fields, {})
        if not columns:
            raise UnknownName("group() takes the names of one or more fields.")
        return Rows(self._model, self._database, self._unsorted(), columns).group(*fields)

    async def aggregate(self, **named: Any) -> Row[*tuple[Any, ...]]:
        """Return one row of named aggregates (`total=func.sum(Note.stars)`) over the rows."""
        columns = chosen(self._model, (), named)
        if not columns:
            raise UnknownName("aggregate() takes name=expression.")
        asked: Any = select(*columns).select_from(self._model).where(self._chosen())
        asked = self._marked(asked)
        async with sessions.reader(self._db()) as session:
            return (await session.execute(asked)).one()

    async def sum(self, field: str) -> Any:
        """Return the sum of *field*, 0 when there is no value."""
        return await self._one(func.sum(self._number("sum", field))) or 0

    async def avg(self, field: str) -> float | None:
        """Return the mean of *field*, or None when there is no value."""
        found = await self._one(func.avg(self._number("avg", field)))
        return None if found is None else float(found)

    async def min(self, field: str) -> Any:
        """Return the least value of *field*, or None."""
        return await self._one(func.min(self._counted(field)))

    async def max(self, field: str) -> Any:
        """Return the greatest value of *field*, or None."""
        return await self._one(func.max(self._counted(field)))

    def subquery(self, name: str | None = None) -> Subquery:
        """Return the rows as a table of another query: `query.subquery().c.title`."""
        return self._statement().subquery(name)

    def cte(self, name: str | None = None) -> CTE:
        """Return the rows as a common table expression (WITH)."""
        return self._statement().cte(name)

    async def _one(self, expression: Any) -> Any:
        return (await self.aggregate(value=expression))[0]

    def _counted(self, field: str) -> Any:
        found = column(self._model, field)
        refuse_order_by(found)  # encrypted text has neither a greatest value nor a sum
        return found

    def _number(self, call: str, field: str) -> Any:
        found = self._counted(field)
        if found.type._type_affinity not in (Integer, Numeric, Float, Boolean, NullType):
            raise UnknownName(
                f"{call}() is of numbers, and {self._model.__name__}.{field} holds none: "
                "pluck() the values and add them up in Python.",
                model=self._model.__name__,
                name=field,
            )
        return found

    def _unsorted(self) -> Any:
        return self._statement().order_by(None)
