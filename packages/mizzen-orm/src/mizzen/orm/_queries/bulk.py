"""Bulk writes: one statement for every row of a query, or for many new rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self, TypeVar, cast

from sqlalchemy import ColumnElement, delete, update
from sqlalchemy.orm import QueryableAttribute

from .._connections import sessions
from .._errors import NotUnique, UnknownName
from .._models import lock_version
from .._models.family import refuse_bulk
from .._models.validation import validate_fields
from . import filters, upserting
from .chain import Chain, among
from .lookups import column
from .reads import Reads

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Iterable, Sequence

    from .._events.change import Action
    from .._models.model import Model

M = TypeVar("M", bound="Model")


class Bulk(Chain[M]):
    """The writes of a query."""

    async def update_all(self, **changes: Any) -> int:
        """Change fields of every row in one statement, and return how many rows.

        Values are validated; an expression (`stars=Gist.stars + 1`) is computed by the database.
        """
        if not changes:
            raise UnknownName("update_all() takes field=value.")
        plain = {
            column(self._model, name).key: value
            for name, value in changes.items()
            if not isinstance(value, ColumnElement | QueryableAttribute)
        }
        good = validate_fields(self._model, {}, plain)
        values = {column(self._model, name).key: good.get(name, changes[name]) for name in changes}
        values = {**lock_version.next_of(self._model), **values}
        chosen = (await self._searched_first())._chosen()
        statement = update(self._model).where(chosen).values(values)
        return await self._write(statement, "update")

    async def delete_all(self, *, hard: bool = False) -> int:
        """Delete every row in one statement, and return how many rows.

        Rows of a `SoftDelete` are marked instead, unless *hard*. Nothing follows along, except by
        the database's ON DELETE rules, which marks don't meet.
        """
        chosen = (await self._searched_first())._chosen()
        if self._model.__soft_delete__ and not hard:
            return await self._mark_all(chosen)
        return await self._write(delete(self._model).where(chosen), "destroy")

    async def create(self, **values: Any) -> M:
        """Insert one row and return it."""
        async with sessions.transaction(self._db()):
            return await self._model.create(**values)

    async def insert_all(
        self, rows: Iterable[M | Mapping[str, Any]], *, ignore: bool = False
    ) -> list[M]:
        """Insert many rows, validated; see `Model.insert_all`. Callbacks do not run.

        With `ignore` rows that would break a unique rule are left out, and
        only those that were inserted are returned.
        """
        from .._models.bulk_inserting import insert_all

        if ignore:
            return await upserting.insert_missing(self._db(), self._model, rows)
        return await insert_all(self._model, rows, self._db())

    async def copy_all(
        self, rows: Iterable[M | Mapping[str, Any]] | AsyncIterable[M | Mapping[str, Any]]
    ) -> int:
        """Load rows of any number, validated, in bounded memory; see `Model.copy_all`."""
        from .._models.copying import copy_all

        return await copy_all(self._model, rows, self._db())

    async def upsert_all(
        self,
        rows: Iterable[M | Mapping[str, Any]],
        *,
        on: Sequence[str],
        update: Sequence[str] | None = None,
    ) -> list[M]:
        """Insert rows, or update those that exist by the unique fields *on*, in few statements.

        `update` names the fields that an existing row takes over: by default all that were given.
        Rows are validated, callbacks do not run, and all or none are saved.
        Returns the rows as they are now, in the order given.
        """
        return await upserting.upsert(self._db(), self._model, rows, on, update)

    async def find_or_create(self, defaults: Mapping[str, Any] | None = None, **values: Any) -> M:
        """Return the first row with these values, or a new one with them and *defaults*.

        Safe when others do the same at the same time, given a unique rule on the values.
        """
        if not values or not isinstance(cast("object", defaults or {}), Mapping):
            raise UnknownName(
                "find_or_create() takes the values to look for as field=value, and a dict of "
                "defaults for a new row.",
            )
        for name in values:
            column(self._model, name)
        database = self._db()
        existing = Reads(self._model, database=database).where(*self._conditions, **values)
        existing = existing._with(_deleted=self._deleted)
        found = await existing.first()
        if found is not None:
            return found
        try:
            async with sessions.transaction(database):
                return await self._model.create(**{**(defaults or {}), **values})
        except NotUnique:
            found = await existing.first()
            if found is None:
                raise
            return found

    async def _mark_all(self, chosen: ColumnElement[bool]) -> int:
        from .._models.soft_delete import marking

        living = cast("Any", self._model).deleted_at.is_(None)
        with marking() as stamp:
            values = {**lock_version.next_of(self._model), "deleted_at": stamp}
            return await self._write(
                update(self._model).where(chosen, living).values(values), "destroy"
            )

    async def _searched_first(self) -> Self:
        """Return the query with its search answered, where one statement can't search and write."""
        if self._search is None or self._db().driver.search.in_one_statement:
            return self
        async with sessions.reader(self._db()) as session:
            keys = [tuple(row) for row in await session.execute(self._rows())]
        return self._fresh().where(among(self._primary(), keys))

    async def _write(self, statement: Any, action: Action) -> int:
        database = self._db()
        if self._deleted:
            statement = filters.write_deleted(statement, self._model)
        refuse_bulk(self._model)
        async with sessions.writer(database) as session:
            done: Any = await session.execute(statement)
            rows = int(done.rowcount)
            if (frame := sessions.ambient(database)) is not None:
                frame.written.add_bulk(self._model, action, rows)
            return rows
