"""Queries: immutable, chained, and run when awaited."""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar, cast

from sqlalchemy import (
    ColumnElement,
    Select,
    and_,
    delete,
    func,
    inspect,
    select,
    true,
    tuple_,
    update,
)
from sqlalchemy.orm import InstrumentedAttribute, selectinload

from . import _known, _sessions
from ._database import Database, current
from ._errors import Invalid, MultipleFound, NotFound, UnknownName
from ._lookups import column, condition, relation
from ._terms import read_terms
from ._validation import validate_fields

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Generator, Iterable, Mapping

    from ._model import Model

M = TypeVar("M", bound="Model")

_ROWS_A_FETCH = 500


class Query(Generic[M]):
    """Rows of one model. Every method but the last in a chain returns a new query."""

    def __init__(self, model: type[M], *, database: Database | None = None) -> None:
        _known.require(model)
        self._model = model
        self._database = database
        self._conditions: tuple[ColumnElement[bool], ...] = ()
        self._keys: tuple[Any, ...] = ()
        self._joins: tuple[Any, ...] = ()
        self._options: tuple[Any, ...] = ()
        self._limit: int | None = None
        self._offset: int | None = None
        self._distinct = False
        self._search: str | None = None

    def where(self, *conditions: object, **lookups: Any) -> Self:
        """Keep rows that meet every condition.

        Conditions are SQLAlchemy expressions (`Gist.stars > 3`); look-ups are written
        `field=value` or `field__op=value` with eq, ne, gt, gte, lt, lte, in, contains, icontains,
        startswith, isnull. `field=None` means "is null".
        """
        for given in conditions:
            if not isinstance(given, ColumnElement):
                raise UnknownName(
                    f"where() takes expressions such as {self._model.__name__}.id == 1 "
                    f"and field=value, not {given!r}."
                )
        made = (condition(self._model, name, value) for name, value in lookups.items())
        return self._with(
            _conditions=(*self._conditions, *cast("tuple[Any, ...]", conditions), *made)
        )

    def order(self, *keys: object) -> Self:
        """Sort by fields ("name", "-created_at" for descending) or expressions, the first first."""
        made = tuple(self._key(key) for key in keys)
        return self._with(_keys=(*self._keys, *made))

    def limit(self, rows: int | None) -> Self:
        """Return at most *rows* rows."""
        return self._with(_limit=_not_negative("limit", rows))

    def offset(self, rows: int | None) -> Self:
        """Skip the first *rows* rows."""
        return self._with(_offset=_not_negative("offset", rows))

    def distinct(self) -> Self:
        """Return each row once, though a join found it often."""
        return self._with(_distinct=True)

    def include(self, *relations: object) -> Self:
        """Load relations along ("files", "owner", "files.author"), one more query for each."""
        return self._with(_options=(*self._options, *(self._load(name) for name in relations)))

    def join(self, *others: object) -> Self:
        """Join related models (or relations by name), to use their fields in `where` and `order`.

        A row comes once for each match; see `distinct`.
        """
        return self._with(_joins=(*self._joins, *(self._relation_to(other) for other in others)))

    def matching(self, text: str) -> Self:
        """Keep rows that the full-text search finds, best first unless ordered otherwise."""
        if self._model.__search__ is None:
            raise UnknownName(
                f"{self._model.__name__} has no SearchIndex: declare "
                'search = SearchIndex("title", ...) on it.'
            )
        return self._with(_search=text)

    def using(self, database: Database) -> Self:
        """Run on *database*."""
        return self._with(_database=database)

    def __await__(self) -> Generator[Any, None, list[M]]:
        return self.all().__await__()

    async def all(self) -> list[M]:
        """Return every row, as a list."""
        async with _sessions.reader(self._db()) as session:
            return list((await session.scalars(self.statement())).all())

    async def __aiter__(self) -> AsyncIterator[M]:
        """Iterate over any number of rows, 500 in memory at once, without those deleted meanwhile.

        The keys are read first and no connection is held between batches, so that leaving the loop
        early leaks nothing and the loop's body may write.
        """
        database = self._db()
        async with _sessions.reader(database) as session:
            keys = [tuple(row) for row in await session.execute(self._rows())]
        columns = self._primary()
        for start in range(0, len(keys), _ROWS_A_FETCH):
            part = keys[start : start + _ROWS_A_FETCH]
            rows = Query(self._model, database=database).where(_among(columns, part))
            found = {
                inspect(row).identity: row for row in await rows._with(_options=self._options).all()
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
        columns = self._primary()
        parts: tuple[Any, ...] = (key,) if len(columns) == 1 else tuple(key)
        if len(parts) != len(columns):
            raise UnknownName(
                f"the primary key of {self._model.__name__} has {len(columns)} columns, "
                f"not {len(parts)}."
            )
        found = await self.where(
            *(field == part for field, part in zip(columns, parts, strict=True))
        ).all()
        return found[0] if found else None

    async def find_by(self, **lookups: Any) -> M | None:
        """Return the first row that matches, or None."""
        return await self.where(**lookups).first()

    async def count(self) -> int:
        """Return the number of rows."""
        async with _sessions.reader(self._db()) as session:
            rows = self._rows().subquery()
            return int(await session.scalar(select(func.count()).select_from(rows)) or 0)

    async def exists(self) -> bool:
        """Return whether there is a row."""
        async with _sessions.reader(self._db()) as session:
            return bool(await session.scalar(select(self._rows().exists())))

    async def pluck(self, *fields: str) -> list[Any]:
        """Return bare values of one field, or tuples of several."""
        chosen = [column(self._model, name) for name in fields]
        if not chosen:
            raise UnknownName("pluck() takes the names of one or more fields.")
        statement = self.statement().with_only_columns(*chosen, maintain_column_froms=True)
        async with _sessions.reader(self._db()) as session:
            if len(chosen) == 1:
                return list((await session.scalars(statement)).all())
            return [tuple(row) for row in await session.execute(statement)]

    async def update_all(self, **changes: Any) -> int:
        """Change fields of every row in one statement, and return how many rows.

        Values are validated; an expression (`stars=Gist.stars + 1`) is computed by the database.
        """
        if not changes:
            raise UnknownName("update_all() takes field=value.")
        plain = {
            column(self._model, name).key: value
            for name, value in changes.items()
            if not isinstance(value, ColumnElement | InstrumentedAttribute)
        }
        good = validate_fields(self._model, {}, plain)
        values = {column(self._model, name).key: good.get(name, changes[name]) for name in changes}
        statement = update(self._model).where(self._chosen()).values(values)
        return await self._write(statement)

    async def delete_all(self) -> int:
        """Delete every row in one statement, and return how many rows."""
        return await self._write(delete(self._model).where(self._chosen()))

    async def create(self, **values: Any) -> M:
        """Insert one row and return it."""
        async with _sessions.transaction(self._db()):
            return await self._model.create(**values)

    async def insert_all(self, rows: Iterable[M | Mapping[str, Any]]) -> list[M]:
        """Insert many rows; see `Model.insert_all`."""
        from ._writing import insert_all

        return await insert_all(self._model, rows, self._db())

    def statement(self) -> Select[Any]:
        """Return SQLAlchemy's SELECT for this query."""
        statement = select(self._model).options(*self._options).where(*self._conditions)
        for other in self._joins:
            statement = statement.join(other)
        statement, rank = self._searched(statement)
        statement = statement.order_by(*(self._keys or rank))
        if self._distinct:
            statement = statement.distinct()
        limited = cast("Any", statement).limit(self._limit).offset(self._offset)
        return cast("Select[Any]", limited)

    def __repr__(self) -> str:
        said = {
            "where": len(self._conditions),
            "order": len(self._keys),
            "limit": self._limit,
            "offset": self._offset,
        }
        parts = ", ".join(f"{name} {value}" for name, value in said.items() if value)
        return f"<mizzen.orm.Query {self._model.__name__}: {parts or 'every row'}>"

    def _searched(self, statement: Select[Any]) -> tuple[Select[Any], list[Any]]:
        index = self._model.__search__
        if self._search is None or index is None:
            return statement, []
        search = self._db().driver.search
        return search.narrow(statement, self._primary()[0], index.shape, read_terms(self._search))

    def _rows(self) -> Select[Any]:
        """Select only keys, for counting and for choosing the rows of a bulk change."""
        rows: Any = self.statement()
        keys = rows.with_only_columns(*self._primary(), maintain_column_froms=True)
        return cast("Select[Any]", keys)

    def _chosen(self) -> ColumnElement[bool]:
        simple = not (self._joins or self._search is not None)
        if simple and self._limit is None and self._offset is None:
            return and_(true(), *self._conditions)
        return _among(self._primary(), self._rows())

    async def _write(self, statement: Any) -> int:
        async with _sessions.writer(self._db()) as session:
            done = await session.execute(statement)
            return int(cast("Any", done).rowcount)

    def _db(self) -> Database:
        return self._database or current()

    def _primary(self) -> list[Any]:
        mapper = inspect(self._model)
        return [
            getattr(self._model, mapper.get_property_by_column(key).key)
            for key in mapper.primary_key
        ]

    def _key(self, key: object) -> Any:
        if isinstance(key, str):
            if key.startswith("-"):
                return column(self._model, key[1:]).desc()
            return column(self._model, key)
        if isinstance(key, ColumnElement | InstrumentedAttribute):
            return cast("Any", key)
        raise UnknownName(f'order() takes "field", "-field" and expressions, not {key!r}.')

    def _relation_to(self, other: object) -> Any:
        if isinstance(other, str):
            return relation(self._model, other)
        if isinstance(other, InstrumentedAttribute):
            return cast("Any", other)
        sources: list[Any] = [self._model, *(made.property.mapper.class_ for made in self._joins)]
        for source in sources:
            found = [
                name
                for name, made in inspect(source).relationships.items()
                if made.mapper.class_ is other
            ]
            if len(found) == 1:
                return getattr(source, found[0])
            if found:
                raise UnknownName(
                    f"{source.__name__} has several relations to {other!r}: "
                    f"join one by name ({', '.join(found)})."
                )
        name = getattr(other, "__name__", repr(other))
        raise UnknownName(f"{self._model.__name__} has no relation to {name}.")

    def _load(self, path: object) -> Any:
        if not isinstance(path, str):
            return selectinload(cast("Any", path))
        model: Any = self._model
        load: Any = None
        for name in path.split("."):
            step = relation(model, name)
            load = selectinload(step) if load is None else load.selectinload(step)
            model = step.property.mapper.class_
        return load

    def _with(self, **changes: Any) -> Self:
        made = copy(self)
        made.__dict__.update(changes)
        return made


def _among(columns: list[Any], keys: Any) -> ColumnElement[bool]:
    if len(columns) > 1:
        return tuple_(*columns).in_(keys)
    if isinstance(keys, list):
        keys = [key[0] for key in cast("list[tuple[Any, ...]]", keys)]
    among: ColumnElement[bool] = columns[0].in_(keys)
    return among


def _not_negative(name: str, rows: int | None) -> int | None:
    if rows is not None and rows < 0:
        raise Invalid(f"{name}({rows}): a number of rows is not negative.", errors=[])
    return rows
