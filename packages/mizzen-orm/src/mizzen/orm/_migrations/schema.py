"""Creating what is missing: tables of the known models, and their search indexes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._models import known

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from .._search.index import SearchShape
    from ..abc import Driver


def create_all(connection: Connection, driver: Driver) -> None:
    """Create missing tables and search indexes on *connection*."""
    driver.before_migrations(connection)
    known.metadata().create_all(connection)
    present = driver.search.present(connection)
    for shape in wanted_indexes().values():
        if present.get(shape.table) != shape:
            for statement in driver.search.create(shape):
                connection.exec_driver_sql(statement)


def wanted_indexes() -> dict[str, SearchShape]:
    """Return the search indexes that the known models declare, by table."""
    declared = (model.__search__ for model in known.models())
    return {index.shape.table: index.shape for index in declared if index is not None}
