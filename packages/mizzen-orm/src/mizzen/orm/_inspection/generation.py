"""The part of `db.meta` that makes models from the tables there are."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from .plan import Source, planned

if TYPE_CHECKING:
    from collections.abc import Callable

    from .._database import Database
    from .._models.model import Model
    from .reading import Reader

T = TypeVar("T")


class Generation:
    """Models of an existing database: types, keys, nullability, defaults, enums, relations.

    Left out are views, tables without a key, and those of search indexes and migrations. Names
    that are none in Python, or that a model has itself, get an underscore or a number.
    """

    _database: Database

    async def models(self, *tables: str, schema: str | None = None) -> dict[str, type[Model]]:
        """Return a model class for each table (or for the named ones), by the table's name.

        The classes read and write at once, and are related both ways. They stand for themselves:
        `create_all` and migrations don't see them, and a program's own model of the same table is
        not in their way. Each call makes new classes. Raises `NotFound` for an unknown table.
        """
        from .live import build

        return build(planned(await self._source(schema), tables))

    async def source(self, *tables: str, schema: str | None = None) -> str:
        """Return the Python source of a module with the same models, to keep and to change."""
        from .source import write

        return write(planned(await self._source(schema), tables))

    async def _source(self, schema: str | None) -> Source:
        def read(reader: Reader) -> Source:
            search = self._database.driver.search.present(reader.connection)
            hidden = {shape.name for shape in search.values()}
            hidden |= {f"{name}_key" for name in hidden}
            return Source(
                [table for table in reader.tables(schema) if table.name not in hidden],
                reader.connection.dialect,
                dict(reader.enum_types(schema)),
                None if schema in {None, reader.default_schema} else schema,
            )

        return await self._read(read)

    async def _read(self, work: Callable[[Reader], T]) -> T:
        raise NotImplementedError
