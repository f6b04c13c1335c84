"""Search indexes follow their tables: `SearchIndex` knows tables and columns by name."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from .._errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Generator

    from sqlalchemy import Connection

    from .._search.index import SearchShape
    from ..abc import SearchBackend


class Searched:
    """The search indexes of one database; without a backend there are none.

    Search indexes live in the default schema, which is None here.
    """

    def __init__(self, connection: Connection, search: SearchBackend | None) -> None:
        self._connection = connection
        self._search = search

    def dropped(self, table: str, schema: str | None) -> None:
        """Drop the index of a table that is about to go."""
        if (shape := self._shape(table, schema)) and self._search is not None:
            self._run(self._search.drop(shape))

    def refuse_drop(self, table: str, column: str, schema: str | None) -> None:
        """Raise when the index of *table* needs *column*."""
        shape = self._shape(table, schema)
        if shape is not None and column in {shape.key, *shape.fields}:
            raise ConfigurationError(
                f"{table}.{column} is part of the search index of {table!r}: take it out of the "
                "model's SearchIndex with a migration first."
            )

    @contextmanager
    def renamed(self, table: str, new: str, schema: str | None) -> Generator[None]:
        """Build the index of a table anew under the table's new name."""
        shape = self._shape(table, schema)
        with self._anew(shape, shape and replace(shape.renewed(), table=new)):
            yield

    @contextmanager
    def column_renamed(
        self, table: str, column: str, new: str, schema: str | None
    ) -> Generator[None]:
        """Build the index of a table anew over a column's new name."""
        shape = self._shape(table, schema)
        if shape is None or column not in {shape.key, *shape.fields}:
            yield
            return
        fields = tuple(new if field == column else field for field in shape.fields)
        key = new if shape.key == column else shape.key
        with self._anew(shape, replace(shape.renewed(), key=key, fields=fields)):
            yield

    @contextmanager
    def _anew(self, old: SearchShape | None, new: SearchShape | None) -> Generator[None]:
        if old is None or new is None or self._search is None:
            yield
            return
        self._run(self._search.drop(old))
        yield
        self._run(self._search.create(new))

    def _shape(self, table: str, schema: str | None) -> SearchShape | None:
        if self._search is None or schema is not None:
            return None
        return self._search.present(self._connection).get(table)

    def _run(self, statements: list[str]) -> None:
        for statement in statements:
            self._connection.exec_driver_sql(statement)
