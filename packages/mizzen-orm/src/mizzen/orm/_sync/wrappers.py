"""Models, objects and queries whose calls run at once: `db.sync(User).create(name="ann")`.

Whatever the async face has is there under the same name, typed where it is used most; what it
returns is run, wrapped again or passed on, whichever it needs.
"""

from __future__ import annotations

import functools
import inspect
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from .._errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Iterable, Iterator, Mapping

    from .._models.model import Model
    from .._queries.query import Query
    from .facade import Sync

M = TypeVar("M", bound="Model")
T = TypeVar("T")


class SyncCalls:
    """Any object with async methods, for synchronous calls."""

    def __init__(self, sync: Sync, target: Any) -> None:
        self._sync, self._target = sync, target

    def __getattr__(self, name: str) -> Any:
        """Return the attribute, for synchronous calls."""
        if name.startswith("__"):
            raise AttributeError(name)
        return adapted(self._sync, getattr(self._target, name))

    def __repr__(self) -> str:
        return f"<mizzen.orm.{type(self).__name__} {self._target!r}>"


class SyncObject(SyncCalls, Generic[M]):
    """One object: `save`, `update`, `reload`, `destroy`, and relations that load when read."""

    _target: M

    def save(self) -> M:
        """Insert or update the row; see `Model.save`."""
        return self._sync.run(self._target.save())

    def update(self, **changes: Any) -> M:
        """Change fields and save; see `Model.update`."""
        return self._sync.run(self._target.update(**changes))

    def reload(self) -> M:
        """Read the row again; see `Model.reload`."""
        return self._sync.run(self._target.reload())

    def destroy(self, **options: Any) -> None:
        """Delete the row; see `Model.destroy`, and `SoftDelete.destroy` for `hard`."""
        self._sync.run(self._target.destroy(**options))


class SyncQuery(SyncCalls, Generic[M]):
    """A query: chained as `Query` is, run by its last call or by iterating over it."""

    _target: Query[M]

    def where(self, *conditions: object, **lookups: Any) -> SyncQuery[M]:
        """Keep rows that meet every condition; see `Query.where`."""
        return SyncQuery(self._sync, self._target.where(*conditions, **lookups))

    def order(self, *keys: object) -> SyncQuery[M]:
        """Sort; see `Query.order`."""
        return SyncQuery(self._sync, self._target.order(*keys))

    def limit(self, rows: int | None) -> SyncQuery[M]:
        """Return at most *rows* rows."""
        return SyncQuery(self._sync, self._target.limit(rows))

    def offset(self, rows: int | None) -> SyncQuery[M]:
        """Skip the first *rows* rows."""
        return SyncQuery(self._sync, self._target.offset(rows))

    def include(self, *relations: Any) -> SyncQuery[M]:
        """Load relations along; see `Query.include`."""
        return SyncQuery(self._sync, self._target.include(*relations))

    def join(self, *others: Any) -> SyncQuery[M]:
        """Join related models; see `Query.join`."""
        return SyncQuery(self._sync, self._target.join(*others))

    def matching(self, text: str) -> SyncQuery[M]:
        """Keep rows that the full-text search finds; see `Query.matching`."""
        return SyncQuery(self._sync, self._target.matching(text))

    def all(self) -> list[M]:
        """Return every row."""
        return self._sync.run(self._target)

    def first(self) -> M | None:
        """Return the first row, or None."""
        return self._sync.run(self._target.first())

    def one(self) -> M:
        """Return the only row; raises `NotFound` or `MultipleFound`."""
        return self._sync.run(self._target.one())

    def get(self, key: Any) -> M:
        """Return the row with this primary key; raises `NotFound`."""
        return self._sync.run(self._target.get(key))

    def find(self, key: Any) -> M | None:
        """Return the row with this primary key, or None."""
        return self._sync.run(self._target.find(key))

    def find_by(self, **lookups: Any) -> M | None:
        """Return the first row that matches, or None."""
        return self._sync.run(self._target.find_by(**lookups))

    def count(self) -> int:
        """Return the number of rows."""
        return self._sync.run(self._target.count())

    def exists(self) -> bool:
        """Return whether there is a row."""
        return self._sync.run(self._target.exists())

    def pluck(self, *fields: str) -> list[Any]:
        """Return bare values of one field, or tuples of several."""
        return self._sync.run(self._target.pluck(*fields))

    def update_all(self, **changes: Any) -> int:
        """Change fields of every row in one statement; see `Query.update_all`."""
        return self._sync.run(self._target.update_all(**changes))

    def delete_all(self, *, hard: bool = False) -> int:
        """Delete every row in one statement; see `Query.delete_all`."""
        return self._sync.run(self._target.delete_all(hard=hard))

    def create(self, **values: Any) -> M:
        """Insert one row and return it."""
        return self._sync.run(self._target.create(**values))

    def insert_all(self, rows: Iterable[M | Mapping[str, Any]]) -> list[M]:
        """Insert many rows; see `Model.insert_all`."""
        return self._sync.run(self._target.insert_all(rows))

    def to_df(self, library: str | None = None, *, hidden: bool = False) -> Any:
        """Read the rows into a DataFrame; see `Results.to_df`."""
        query: Any = self._target
        return self._sync.run(query.to_df(library, hidden=hidden))

    def __iter__(self) -> Iterator[M]:
        """Iterate over any number of rows; see `Query.__aiter__`."""
        return self._sync.iterate(self._target)


class SyncModel(SyncQuery[M]):
    """A model class: where queries begin; its own class methods and scopes are there too."""

    def __init__(self, sync: Sync, model: type[M]) -> None:
        super().__init__(sync, model.using(sync.database))
        self._model = model

    def __getattr__(self, name: str) -> Any:
        """Return what the model, or a query of it, calls *name*."""
        if name.startswith("__"):
            raise AttributeError(name)
        holder = self._model if hasattr(self._model, name) else self._target
        return adapted(self._sync, getattr(holder, name))


def wrapped(sync: Sync, what: Any) -> Any:
    """Return a wrapper for a model, an object or a query; run anything else that is awaitable."""
    from .._models.model import Model
    from .._queries.query import Query

    if isinstance(what, type):
        if issubclass(what, Model):
            return SyncModel[Any](sync, what)
    elif isinstance(what, Model):
        return SyncObject[Any](sync, what)
    elif isinstance(what, Query):
        return SyncQuery[Any](sync, what.using(sync.database))
    elif inspect.isawaitable(what):
        return sync.run(what)
    raise ConfigurationError(
        f"db.sync(…) takes a model, an object of one, a query or something awaitable, not {what!r}."
    )


def adapted(sync: Sync, found: Any) -> Any:
    """Return *found* as synchronous code can use it."""
    from .._queries.query import Query

    if isinstance(found, Query):
        return SyncQuery[Any](sync, found.using(sync.database))
    if inspect.isawaitable(found):
        return sync.run(found)
    if hasattr(found, "__aenter__"):
        return sync.block(lambda: found)
    if hasattr(found, "__anext__"):
        return sync.iterate(found)
    if inspect.isroutine(found):
        return functools.partial(_called, sync, found)
    return found


def _called(sync: Sync, call: Any, *args: Any, **options: Any) -> Any:
    return adapted(sync, call(*args, **options))


async def awaited(awaitable: Awaitable[T]) -> T:
    """Await anything awaitable, as a coroutine."""
    return await awaitable
