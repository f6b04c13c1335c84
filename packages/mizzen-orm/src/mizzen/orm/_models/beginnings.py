"""The ways to begin a query on a model class: `Gist.order("-id")`, `Gist.count()`.

They live on the metaclass, so that a field may be called `count` or `order`; on such a model
`Gist.all().count()` says the same.
"""

# A metaclass's methods get the class as `cls`, which checkers accept for built-in ones only.
# pyright: reportGeneralTypeIssues=false, reportSelfClsParameterName=false
# mypy: disable-error-code="misc"

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar, overload

from .._queries.query import Query
from .callbacks import register

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Callable, Iterable, Mapping, Sequence

    from .._queries.rows import Rows
    from .model import Model

F = TypeVar("F", bound="Callable[[Any], Any]")
M = TypeVar("M", bound="Model")


class Beginnings:
    """What `ModelMeta` adds to every model class, and not to its instances."""

    __default_scope__: Any = None
    __tenant_key__: str | None = None
    __soft_delete__: bool = False

    def all(cls: type[M]) -> Query[M]:
        """Return the query for every row."""
        return Query(cls)

    def order(cls: type[M], *keys: object) -> Query[M]:
        """Return the query in an order; see `Query.order`."""
        return Query(cls).order(*keys)

    def include(cls: type[M], *relations: object) -> Query[M]:
        """Return the query with relations loaded; see `Query.include`."""
        return Query(cls).include(*relations)

    def join(cls: type[M], *others: object) -> Query[M]:
        """Return the query joined to related models; see `Query.join`."""
        return Query(cls).join(*others)

    async def count(cls: type[M]) -> int:
        """Return the number of rows."""
        return await Query(cls).count()

    async def exists(cls: type[M], **lookups: Any) -> bool:
        """Return whether a row matches."""
        return await Query(cls).where(**lookups).exists()

    async def first(cls: type[M]) -> M | None:
        """Return the row with the lowest primary key, or None."""
        return await Query(cls).first()

    def where_any(cls: type[M], *conditions: object, **lookups: Any) -> Query[M]:
        """Return the query for rows that meet any condition; see `Query.where_any`."""
        return Query(cls).where_any(*conditions, **lookups)

    def where_not(cls: type[M], *conditions: object, **lookups: Any) -> Query[M]:
        """Return the query without rows that meet every condition; see `Query.where_not`."""
        return Query(cls).where_not(*conditions, **lookups)

    def only(cls: type[M], *fields: str) -> Query[M]:
        """Return the query that loads these fields; see `Query.only`."""
        return Query(cls).only(*fields)

    def defer(cls: type[M], *fields: str) -> Query[M]:
        """Return the query that leaves these fields out; see `Query.defer`."""
        return Query(cls).defer(*fields)

    async def find_or_create(
        cls: type[M], defaults: Mapping[str, Any] | None = None, **values: Any
    ) -> M:
        """Return the row with these values, or create it; see `Query.find_or_create`."""
        return await Query(cls).find_or_create(defaults, **values)

    async def copy_all(
        cls: type[M], rows: Iterable[M | Mapping[str, Any]] | AsyncIterable[M | Mapping[str, Any]]
    ) -> int:
        """Load rows of any number, validated, in bounded memory, all or none; return how many.

        COPY on PostgreSQL, INSERTs elsewhere. It joins an open transaction, or has its own.
        Neither keys nor database defaults come back, and objects that are given stay new; an error
        tells the row's number, from 1 (`error.row`). Callbacks do not run.
        """
        return await Query(cls).copy_all(rows)

    async def upsert_all(
        cls: type[M],
        rows: Iterable[M | Mapping[str, Any]],
        *,
        on: Sequence[str],
        update: Sequence[str] | None = None,
    ) -> list[M]:
        """Insert rows, or update those that exist; see `Query.upsert_all`."""
        return await Query(cls).upsert_all(rows, on=on, update=update)

    def unscoped(cls: type[M]) -> Query[M]:
        """Return the query for every row, without the default scope."""
        return Query(cls).unscoped()

    def select(cls: type[M], *fields: object, **named: Any) -> Rows:
        """Return the query for rows of values; see `Query.select`."""
        return Query(cls).select(*fields, **named)

    def annotate(cls: type[M], **named: Any) -> Rows:
        """Return the query for rows of every field and more; see `Query.annotate`."""
        return Query(cls).annotate(**named)

    def group(cls: type[M], *fields: object) -> Rows:
        """Return the query for one row for each group; see `Query.group`."""
        return Query(cls).group(*fields)

    async def raw(cls: type[M], sql: str, **values: Any) -> list[M]:
        """Return the objects that *sql* finds, with `:name` for each value; see `Query.raw`."""
        return await Query(cls).unscoped().raw(sql, **values)

    @overload
    def on(cls: type[M], event: str, function: F, **conditions: Any) -> F: ...

    @overload
    def on(cls: type[M], event: str, **conditions: Any) -> Callable[[F], F]: ...

    def on(cls: type[M], event: str, function: Any = None, **conditions: Any) -> Any:
        """Run a function, sync or async, with the object at an event.

        `User.on("after_save", tell)`, or `@User.on("after_save")` above it. Events and conditions
        (`if_changed`, `on`, `when`) are those of `before_save` and its like. On a base it holds for
        every model that inherits; a function given twice runs once.
        """
        if function is None:
            return partial(_registered, cls, event, conditions)
        return _registered(cls, event, conditions, function)


def _registered(model: type[Any], event: str, conditions: dict[str, Any], function: Any) -> Any:
    register(model, event, function, **conditions)
    return function
