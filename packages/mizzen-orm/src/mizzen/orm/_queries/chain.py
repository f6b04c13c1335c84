"""The chain: what a query asks for, as an immutable value that each call copies and extends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar, cast

from sqlalchemy import (
    ColumnElement,
    Select,
    and_,
    false,
    func,
    not_,
    or_,
    select,
    true,
    tuple_,
)
from sqlalchemy.orm import QueryableAttribute, load_only

from .._core import Core, current
from .._errors import ConfigurationError, Invalid, UnknownName
from .._fields.lookups import refuse_order_by
from .._models import known
from .._models.family import lock_of
from .._models.hydration import key_names
from .._relations import polymorphic_loading
from .._search.matching import matched
from . import alternatives, filters, paths, scopes, shapes
from .lookups import column, unlimited
from .unlike_lists import UnlikeLists

if TYPE_CHECKING:
    from .._models.model import Model

M = TypeVar("M", bound="Model")


class Chain(UnlikeLists, Generic[M]):
    """Rows of one model: conditions, order, relations. Nothing runs here."""

    def __init__(self, model: type[M], *, database: Core | None = None) -> None:
        known.require(model)
        self._model = model
        self._database = database
        self._conditions: tuple[ColumnElement[bool], ...] = ()
        self._keys: tuple[Any, ...] = ()
        self._joins: tuple[Any, ...] = ()
        self._options: tuple[Any, ...] = ()
        self._paths: tuple[str, ...] = ()
        self._later: tuple[tuple[str, str, str], ...] = ()  # paths over polymorphic relations
        self._limit: int | None = None
        self._offset: int | None = None
        self._distinct = False
        self._search: str | None = None
        self._searched_before: tuple[str, ...] = ()  # what rows must match besides, unranked
        self._lock: dict[str, Any] | None = None  # of SELECT … FOR UPDATE
        self._fields: tuple[str, ...] = ()  # when not all are loaded
        self._kept: tuple[float | None] | None = None  # for how long, when the cache is asked
        self._strict = False  # whether relations that are not included are refused
        self._deleted = False  # whether rows marked as deleted are meant, too
        self._by_default = (0, 0)  # how many conditions and keys are the default scope's
        if model.__default_scope__ is not None:
            made = model.__default_scope__(self)
            self.__dict__.update(made.__dict__)
            self._by_default = (len(self._conditions), len(self._keys))

    def where(self, *conditions: object, **lookups: Any) -> Self:
        """Keep rows that meet every condition.

        Conditions are SQLAlchemy expressions (`Gist.stars > 3`) and dicts of look-ups; look-ups
        are written `field=value` or `field__op=value` with eq, ne, gt, gte, lt, lte, between, in,
        not_in, contains, icontains, startswith, istartswith, endswith, iendswith, iexact, like,
        isnull, and year, month, day, hour, minute of a time. `field=None` means "is null";
        `id__in=` takes a list or another query. `owner__name="ann"` looks across a relation: a row
        comes once, however many others match.
        """
        made = alternatives.conditions(self._model, "where", conditions, lookups)
        return self._with(_conditions=(*self._conditions, *made))

    def where_any(self, *conditions: object, **lookups: Any) -> Self:
        """Keep rows that meet at least one condition: `where_any({"stars__gt": 3}, title="x")`.

        A dict of several look-ups is met when all of them are. Without conditions no row is kept.
        """
        made = alternatives.conditions(self._model, "where_any", conditions, lookups)
        return self._with(_conditions=(*self._conditions, or_(false(), *made)))

    def where_not(self, *conditions: object, **lookups: Any) -> Self:
        """Drop rows that meet every condition; a row whose condition is unknown (NULL) stays."""
        made = alternatives.conditions(self._model, "where_not", conditions, lookups)
        unmet = not_(func.coalesce(and_(true(), *made), false()))
        return self._with(_conditions=(*self._conditions, unmet))

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
        plain, later = polymorphic_loading.split(self._model, relations)
        named = tuple(name for name in plain if isinstance(name, str))
        return self._with(
            _options=(*self._options, *(paths.checked(self._model, name) for name in plain)),
            _paths=(*self._paths, *named),
            _later=(*self._later, *later),
        )

    def join(self, *others: object) -> Self:
        """Join related models (or relations by name), to use their fields in `where` and `order`.

        A row comes once for each match; see `distinct`.
        """
        made = (paths.relation_to(self._model, self._joins, other) for other in others)
        return self._with(_joins=(*self._joins, *made))

    def matching(self, text: str) -> Self:
        """Keep rows that the full-text search finds, best first unless ordered otherwise.

        A row that is searched for twice must match both; the last search ranks.
        """
        if self._model.__search__ is None:
            raise UnknownName(
                f"{self._model.__name__} has no SearchIndex: declare "
                'search = SearchIndex("title", ...) on it.'
            )
        before = () if self._search is None else (self._search,)
        return self._with(_search=text, _searched_before=(*self._searched_before, *before))

    def unscoped(self) -> Self:
        """Leave out what the model's default scope adds."""
        conditions, keys = self._by_default
        return self._with(
            _conditions=self._conditions[conditions:], _keys=self._keys[keys:], _by_default=(0, 0)
        )

    def using(self, database: Core) -> Self:
        """Run on *database*."""
        if not isinstance(cast("object", database), Core):
            kind = type(database).__name__
            raise ConfigurationError(f"using() takes a Database, and not {kind}.")
        return self._with(_database=database)

    def statement(self) -> Select[Any]:
        """Return SQLAlchemy's SELECT for this query."""
        loads = [paths.load(self._model, path) for path in self._options]
        statement = self._statement().options(*loads)
        if self._fields:
            chosen = (column(self._model, name) for name in self._fields)
            statement = statement.options(load_only(*chosen))
        if self._lock is not None:
            # What is locked is read again: the row may have changed since this transaction saw it.
            options: dict[str, Any] = {"of": self._model, **lock_of(self._model, self._lock)}
            statement = statement.with_for_update(**options)
            statement = statement.execution_options(populate_existing=True)
        return statement

    def _statement(self) -> Select[Any]:
        if self._distinct and self._search is not None and not self._keys:
            return self._ranked_once()._statement()
        statement = self._marked(select(self._model).where(*self._conditions))
        for other in self._joins:
            statement = statement.join(scopes.joined(other))
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
        return f"<mizzen.orm.{type(self).__name__} {self._model.__name__}: {parts or 'every row'}>"

    def _searched(self, statement: Select[Any]) -> tuple[Select[Any], list[Any]]:
        if self._search is None:
            return statement, []
        for text in self._searched_before:
            rows = self._fresh().matching(text)._rows().order_by(None)
            statement = statement.where(among(self._primary(), rows))
        found = matched(statement, self._model, self._search, self._db().driver.search)
        return found.statement, found.order

    def _ranked_once(self) -> Self:
        """Return a search without joins: no DISTINCT, which could not go by rank (PostgreSQL)."""
        if not self._joins:
            return self._with(_distinct=False)
        met = self._with(_search=None, _searched_before=(), _limit=None, _offset=None, _lock=None)
        return self._with(
            _conditions=(among(self._primary(), met._rows()),), _joins=(), _distinct=False
        )

    def _rows(self) -> Select[Any]:
        """Select only keys, for counting and for choosing the rows of a bulk change."""
        rows: Any = self._statement()
        keys = rows.with_only_columns(*self._primary(), maintain_column_froms=True)
        return cast("Select[Any]", keys)

    def _marked(self, statement: Select[Any]) -> Select[Any]:
        """Return a SELECT of the model with the conditions that it always has."""
        if self._deleted:
            statement = filters.with_deleted(statement, self._model)
        return cast("Select[Any]", filters.applied(statement))

    def _chosen(self) -> ColumnElement[bool]:
        simple = not (self._joins or self._search is not None)
        if simple and self._limit is None and self._offset is None:
            return and_(true(), *self._conditions)
        # In FROM, because MySQL takes neither LIMIT nor the changed table itself inside IN (…).
        return among(self._primary(), select(self._rows().subquery()))

    def _is_bare(self) -> bool:
        return not (
            self._conditions
            or self._joins
            or self._options
            or self._later
            or self._search is not None
            or self._limit is not None
            or self._offset
            or self._lock is not None
            or self._fields
            or self._strict
            or self._kept is not None
            or self._deleted
        )

    def __clause_element__(self) -> Any:
        """Return the rows' keys, for `field__in=query`."""
        return unlimited(self._rows())

    def _db(self) -> Core:
        return self._database or current()

    def _primary(self) -> list[Any]:
        return [getattr(self._model, name) for name in key_names(self._model)]

    def _key(self, key: object) -> Any:
        if isinstance(key, str):
            return shapes.order(self._model, key)
        if isinstance(key, ColumnElement | QueryableAttribute):
            refuse_order_by(cast("Any", key))
            return cast("Any", key)
        raise UnknownName(f'order() takes "field", "-field" and expressions, not {key!r}.')

    def _fresh(self) -> Self:
        """Return the query for every row, on the same database."""
        fresh = type(self)(self._model, database=self._database).unscoped()
        return fresh._with(_deleted=self._deleted)

    def _with(self, **changes: Any) -> Self:
        made = object.__new__(type(self))  # `copy` takes 3 µs, for each call of a chain
        made.__dict__ = {**self.__dict__, **changes}
        return made


def among(columns: list[Any], keys: Any) -> ColumnElement[bool]:
    if len(columns) > 1:
        return tuple_(*columns).in_(keys)
    if isinstance(keys, list):
        keys = [key[0] for key in cast("list[tuple[Any, ...]]", keys)]
    among: ColumnElement[bool] = columns[0].in_(keys)
    return among


def _not_negative(name: str, rows: int | None) -> int | None:
    if rows is None or (isinstance(cast("object", rows), int) and rows >= 0):
        return rows
    raise Invalid(f"{name}({rows!r}): a number of rows is whole, and not negative.", errors=[])
