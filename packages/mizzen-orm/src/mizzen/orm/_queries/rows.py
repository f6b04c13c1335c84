"""Rows of values: chosen expressions, groups and windows, as named tuples."""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING, Any, Self, cast

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import QueryableAttribute

from .._connections import sessions
from .._core import current
from .._errors import MultipleFound, NotFound, UnknownName
from .._fields.lookups import refuse_order_by
from .lookups import readable, unlimited
from .unlike_lists import UnlikeLists

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

    from sqlalchemy import CTE, Row, Select, Subquery

    from .._core import Core
    from .._models.model import Model


class Rows(UnlikeLists):
    """Rows of values of one query. Every method but the last in a chain returns a new one."""

    def __init__(
        self, model: type[Model], database: Core | None, base: Any, columns: tuple[Any, ...]
    ) -> None:
        self._model, self._database = model, database
        self._base = base
        self._columns = columns
        self._groups: tuple[Any, ...] = ()
        self._having: tuple[Any, ...] = ()
        self._keys: tuple[Any, ...] = ()

    def select(self, *fields: object, **named: Any) -> Self:
        """Add fields ("title") and named expressions (`place=func.row_number().over(...)`)."""
        return self._with(_columns=(*self._columns, *chosen(self._model, fields, named)))

    def annotate(self, **named: Any) -> Self:
        """Add named expressions: `annotate(total=func.count())`."""
        return self.select(**named)

    def group(self, *fields: object) -> Self:
        """Return one row for each different value of *fields*."""
        made = chosen(self._model, fields, {})
        return self._with(_groups=(*self._groups, *made))

    def having(self, *conditions: object, **equal: Any) -> Self:
        """Keep groups that meet every condition, such as `func.count() > 3` or `total=3`."""
        made = [_condition(given) for given in conditions]
        made += [self._named(name, bare=True) == value for name, value in equal.items()]
        return self._with(_having=(*self._having, *made))

    def order(self, *keys: object) -> Self:
        """Sort by names of selected values or fields ("-total") and expressions."""
        return self._with(_keys=(*self._keys, *(self._key(key) for key in keys)))

    def limit(self, rows: int | None) -> Self:
        """Return at most *rows* rows."""
        return self._with(_base=self._base.limit(rows))

    def offset(self, rows: int | None) -> Self:
        """Skip the first *rows* rows."""
        return self._with(_base=self._base.offset(rows))

    def __await__(self) -> Generator[Any, None, list[Row[*tuple[Any, ...]]]]:
        return self.all().__await__()

    async def all(self) -> list[Row[*tuple[Any, ...]]]:
        """Return every row, a named tuple."""
        async with sessions.reader(self._database or current()) as session:
            return list((await session.execute(self.statement())).all())

    async def first(self) -> Row[*tuple[Any, ...]] | None:
        """Return the first row, or None."""
        found = await self.limit(1).all()
        return found[0] if found else None

    async def one(self) -> Row[*tuple[Any, ...]]:
        """Return the only row; raises `NotFound` or `MultipleFound`."""
        found = await self.limit(2).all()
        if len(found) > 1:
            raise MultipleFound(f"more than one row of {self._model.__name__} matches.")
        if not found:
            raise NotFound(f"no row of {self._model.__name__} matches.")
        return found[0]

    async def values(self) -> list[Any]:
        """Return the first value of every row."""
        return [row[0] for row in await self.all()]

    async def to_df(self, library: str | None = None) -> Any:
        """Read the rows into a pandas or polars DataFrame; see `Results.to_df`."""
        from .._data.frames import values_frame

        return await values_frame(self, library)

    async def count(self) -> int:
        """Return the number of rows, or of groups."""
        async with sessions.reader(self._database or current()) as session:
            counted = select(func.count()).select_from(self.subquery())
            return int(await session.scalar(counted) or 0)

    def statement(self) -> Select[Any]:
        """Return SQLAlchemy's SELECT."""
        made = self._base.with_only_columns(*self._columns, maintain_column_froms=True)
        made = made.group_by(*self._groups).having(*self._having)
        return cast("Select[Any]", made.order_by(*self._keys))

    def subquery(self, name: str | None = None) -> Subquery:
        """Return it as a table of another query: `rows.subquery().c.total`."""
        return self.statement().subquery(name)

    def cte(self, name: str | None = None) -> CTE:
        """Return it as a common table expression (WITH)."""
        return self.statement().cte(name)

    def __clause_element__(self) -> Any:
        """Return the SELECT, for `field__in=rows`."""
        return unlimited(self.statement())

    def __repr__(self) -> str:
        return f"<mizzen.orm.Rows {self._model.__name__}: {len(self._columns)} values>"

    def _key(self, key: object) -> Any:
        if isinstance(key, str):
            named = self._named(key.removeprefix("-"))
            refuse_order_by(named)
            return named.desc() if key.startswith("-") else named
        given = _expression(key)
        refuse_order_by(given)
        return given

    def _named(self, name: str, *, bare: bool = False) -> Any:
        for each in self._columns:
            if getattr(each, "name", None) == name:
                return getattr(each, "element", each) if bare else each
        return readable(self._model, name)

    def _with(self, **changes: Any) -> Self:
        made = copy(self)
        made.__dict__.update(changes)
        return made


def chosen(
    model: type[Model], fields: tuple[object, ...], named: Mapping[str, Any]
) -> tuple[Any, ...]:
    """Return the expressions that *fields* and *named* stand for, each with its name."""
    plain = (
        readable(model, name) if isinstance(name, str) else _expression(name) for name in fields
    )
    more = (
        (readable(model, given) if isinstance(given, str) else _expression(given)).label(name)
        for name, given in named.items()
    )
    return (*plain, *more)


def _expression(given: object) -> Any:
    if isinstance(given, ColumnElement | QueryableAttribute):
        return cast("Any", given)
    raise UnknownName(f"takes names of fields and expressions, not {given!r}.")


def _condition(given: object) -> Any:
    if isinstance(given, ColumnElement):
        return cast("Any", given)
    raise UnknownName(f"having() takes expressions and name=value, not {given!r}.")
