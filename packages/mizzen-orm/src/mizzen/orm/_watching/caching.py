"""The query cache: answers of `Query.cached()` kept in a cache of yours, until a table changes.

What is kept is what the driver answered, so that encrypted values stay encrypted, and rows become
objects as ever. Each answer carries the tables that were read as tags; a committed write makes
those of its tables outdated, and of tables that the database's ON DELETE rules change along.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from sqlalchemy import Table, event
from sqlalchemy.sql import visitors

from .._connections.direct import Compiler, Prepared, Straight
from .._connections.engine_direct import EngineDirect
from .._models import known
from . import answers, sql_text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy.ext.asyncio import AsyncSession
    from sqlalchemy.sql.base import Executable

    from .._connections.direct import Answer
    from .._connections.written import Written
    from .._core import Core
    from ..abc import QueryCache

_INFO = "mizzen_orm_tables_written"
_READS = {"SELECT", *sql_text.FRAMING}


class Caching:
    """What one database keeps in its cache."""

    def __init__(self, database: Core, cache: QueryCache, url: str) -> None:
        self._database = database
        self.cache = cache
        self._url = url
        self._transactions: WeakKeyDictionary[Written, set[str]] = WeakKeyDictionary()

    def straight(self, expire: float | None) -> Straight:
        """Return the way for reads that are kept *expire* seconds, or for ever."""
        driver, straight = next(iter(self._database.ways()))
        if straight is None:
            direct = EngineDirect(driver.reader, driver.writer)
            straight = Straight(direct, driver.writer.dialect)
        return Kept(self, straight, expire)

    def key(self, statement: Prepared) -> str:
        """Return the key of one statement with its values; raises `answers.Unkeepable`."""
        said = f"{self._where()}\0{statement.sql}\0{answers.written(statement.parameters)}"
        return f"mizzen.orm:{hashlib.sha256(said.encode()).hexdigest()}"

    def tags(self, tables: Iterable[str]) -> list[str]:
        """Return what answers from *tables* are outdated by."""
        place = hashlib.sha256(self._where().encode()).hexdigest()[:16]
        return [f"mizzen.orm:{place}:{table}" for table in sorted(tables)]

    async def wrote(self, tables: set[str]) -> None:
        """Make answers from *tables* outdated."""
        if tables:
            await self.cache.invalidate_tags(*self.tables_tags(tables))

    def tables_tags(self, tables: set[str]) -> list[str]:
        """Return the tags of *tables* in capitals or not, as people write them."""
        return self.tags({name.lower() for name in tables})

    def follow(self, session: AsyncSession, written: Written) -> None:
        """Take note of the tables that a transaction writes."""

        def begun(_session: object, _transaction: object, connection: Any) -> None:
            if written not in self._transactions:
                tables = connection.info[_INFO] = set[str]()
                self._transactions[written] = tables

        event.listen(session.sync_session, "after_begin", begun)

    async def committed(self, written: Written) -> None:
        """Make what a committed transaction wrote outdated."""
        await self.wrote(self._transactions.pop(written, set()))

    @staticmethod
    def saw(connection: Any, sql: str) -> None:
        """Take note of a statement of a transaction."""
        tables: set[str] | None = connection.info.get(_INFO)
        if tables is not None:
            tables |= changed(sql)

    @staticmethod
    def touched(connection: Any, table: str) -> None:
        """Take note of a table that a transaction writes without a statement that is seen."""
        tables: set[str] | None = connection.info.get(_INFO)
        if tables is not None:
            tables.add(table.lower())

    def _where(self) -> str:
        return f"{self._url}\0{getattr(self._database.driver, 'file', '')}"


class Tagged(Prepared):
    """A statement that knows its tables."""

    tables: frozenset[str]


class Tagging(Compiler):
    """Compiles as another does, and remembers the tables."""

    def __init__(self, like: Compiler) -> None:
        self.__dict__.update(like.__dict__)

    def prepare(self, statement: Executable) -> Prepared:
        """Return *statement* as the driver wants it."""
        made = Tagged(*super().prepare(statement))
        parts: Any = statement
        found: Any = visitors.iterate(parts)
        made.tables = frozenset(part.name.lower() for part in found if isinstance(part, Table))
        return made


class Kept(Straight):
    """Reads that are answered by the cache, if it has them."""

    tagged = True

    def __init__(self, caching: Caching, straight: Straight, expire: float | None) -> None:
        self.compiler, self.shapes = Tagging(straight.compiler), straight.shapes
        self._caching, self._straight, self._expire = caching, straight, expire

    async def read(self, statement: Prepared) -> Answer:
        """Return what the cache has, or what the driver answers; raises SQLAlchemy's errors."""
        if not isinstance(statement, Tagged):
            return await self._straight.read(statement)
        fresh: list[Answer] = []

        async def load() -> str:
            fresh.append(await self._straight.read(statement))
            return answers.pack(fresh[0])

        try:
            key, tags = self._caching.key(statement), self._caching.tags(statement.tables)
            found = await self._caching.cache.fetch(key, load, ttl=self._expire, tags=tags)
        except answers.Unkeepable:
            # A value of a kind that can't be kept: read as if there were no cache.
            return fresh[0] if fresh else await self._straight.read(statement)
        return fresh[-1] if fresh else answers.unpack(found)


def changed(sql: str) -> set[str]:
    """Return the tables that a statement changes, those that follow by ON DELETE rules included."""
    if sql_text.operation(sql) in _READS:
        return set()
    tables = {name.lower() for name in sql_text.written(sql)}
    if "DELETE" in sql.upper() or "REPLACE" in sql.upper():
        waiting = list(tables)
        while waiting:
            for follower in _followers(waiting.pop()) - tables:
                tables.add(follower)
                waiting.append(follower)
    return tables


def _followers(name: str) -> set[str]:
    return {
        table.name.lower()
        for table in known.metadata().tables.values()
        for key in table.foreign_keys
        if key.ondelete and key.column.table.name.lower() == name
    }
