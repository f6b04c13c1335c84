"""Statements sent straight to the driver, beside SQLAlchemy's sessions.

A session costs a get by key six thread hops on SQLite and three round trips on PostgreSQL; a
statement that stands for itself needs one. What is compiled here is compiled by SQLAlchemy, once
for every shape of statement, so that both ways give the same SQL and the same values.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from sqlalchemy.exc import DBAPIError
from sqlalchemy.util import LRUCache

from .._errors import Invalid, OrmError
from . import converting

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import Dialect
    from sqlalchemy.sql.base import Executable

    from .._watching.watch import Watch

# As many shapes of statements as SQLAlchemy's own engines keep.
_SHAPES = 500


class Answer(NamedTuple):
    """What a driver returned; `codes` are its names for the columns' types."""

    rows: list[tuple[Any, ...]]
    codes: Sequence[Any]
    rowcount: int
    inline: bool = False  # read in the event loop's own thread
    number: int | None = None  # of the row inserted last, where rows have numbers


class Prepared(NamedTuple):
    """One statement as the driver wants it."""

    sql: str
    parameters: Any


class Direct(Protocol):
    """Connections that run single statements, each committed by itself."""

    async def read(self, statement: Prepared) -> Answer:
        """Run a SELECT."""
        ...

    async def write(self, statement: Prepared) -> Answer:
        """Run one INSERT, UPDATE or DELETE and commit it."""
        ...

    async def write_all(self, statements: Sequence[Prepared]) -> list[Answer]:
        """Run several in one transaction, or none."""
        ...

    async def close(self) -> None:
        """Let go of every connection."""
        ...

    def busy(self) -> int:
        """Return how many connections are at work."""
        ...

    def waited(self) -> float:
        """Return the seconds spent waiting for the turn to write."""
        ...


class Compiler:
    """SQLAlchemy's compiler and its cache by shape, met in this one place."""

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect
        self._shapes: LRUCache[Any, Any] = LRUCache(_SHAPES)

    def prepare(self, statement: Executable) -> Prepared:
        """Return *statement* as SQLAlchemy's own execution would send it."""
        source: Any = statement
        made, extracted, collected, _hit = source._compile_w_cache(
            self.dialect, compiled_cache=self._shapes, column_keys=[]
        )
        values = made.construct_params(
            extracted_parameters=extracted, escape_names=False, _collected_params=collected
        )
        sql, processors, order = made.string, made._bind_processors, made.positiontup
        if made.literal_execute_params or made.post_compile_params:
            expanded = made._process_parameters_for_postcompile(values)
            sql, order = expanded.statement, expanded.positiontup
            processors = {**processors, **expanded.processors}
        if made.positional:
            return Prepared(sql, tuple(_processed(processors, key, values[key]) for key in order))
        names: dict[str, str] = made.escaped_bind_names or {}
        return Prepared(
            sql, {names.get(key, key): _processed(processors, key, values[key]) for key in values}
        )

    def to_driver(self, kind: Any) -> Callable[[Any], Any] | None:
        """Return what turns a value into what the driver takes, or None if nothing does."""
        return converting.to_driver(kind, self.dialect)

    def from_driver(self, kind: Any, code: Any) -> Callable[[Any], Any] | None:
        """Return what turns a driver's value into the column's, or None if nothing does."""
        return converting.from_driver(kind, self.dialect, code)


# What a column's converter raises for a value that is none of its type.
UNFIT = (ValueError, TypeError, AttributeError, ArithmeticError)


def unfit(error: Exception) -> OrmError:
    """Return what a column's converter raised as one of our errors; raise it `from error`."""
    if isinstance(error, OrmError):
        return error
    return Invalid(f"a value doesn't fit its column: {error}", errors=[])


def _processed(processors: Any, key: str, value: Any) -> Any:
    try:
        return processors[key](value) if key in processors else value
    except UNFIT as error:
        raise unfit(error) from error


class Straight:
    """A database's direct way: compile, run, and explain what went wrong."""

    tagged = False  # whether each statement has to name its tables, as for a cache

    def __init__(self, direct: Direct, dialect: Dialect) -> None:
        self.compiler: Compiler = Compiler(dialect)
        self._direct = direct
        self.shapes: LRUCache[Any, Any] = LRUCache(_SHAPES)  # plans of models' own statements
        self.on_engines: bool = bool(getattr(direct, "on_engines", False))
        self.watch: Watch | None = None  # while somebody observes what runs

    async def read(self, statement: Prepared) -> Answer:
        """Run a SELECT; raises SQLAlchemy's errors."""
        try:
            if self.watch is None:
                return await self._direct.read(statement)
            return await self.watch.one(self._direct.read, statement, self)
        except self.compiler.dialect.loaded_dbapi.Error as error:
            raise self.wrapped(statement, error) from error

    async def write(self, statement: Prepared) -> Answer:
        """Run one change and commit it; raises SQLAlchemy's errors."""
        try:
            if self.watch is None:
                return await self._direct.write(statement)
            return await self.watch.one(self._direct.write, statement, self)
        except self.compiler.dialect.loaded_dbapi.Error as error:
            raise self.wrapped(statement, error) from error

    async def write_all(self, statements: Sequence[Prepared]) -> list[Answer]:
        """Run changes in one transaction; raises SQLAlchemy's errors."""
        try:
            if self.watch is None:
                return await self._direct.write_all(statements)
            return await self.watch.several(self._direct.write_all, statements, self)
        except self.compiler.dialect.loaded_dbapi.Error as error:
            raise self.wrapped(statements[0], error) from error

    def wrapped(self, statement: Prepared, error: BaseException) -> BaseException:
        """Return a driver's error as SQLAlchemy would raise it, and any other as it is."""
        dialect = self.compiler.dialect
        if not isinstance(error, dialect.loaded_dbapi.Error):
            return error
        return DBAPIError.instance(
            statement.sql,
            None,  # a parameter may be a secret
            error,
            dialect.loaded_dbapi.Error,
            hide_parameters=True,
            dialect=dialect,
        )
