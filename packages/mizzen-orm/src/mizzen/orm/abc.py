"""What a database driver offers; third parties register one under `mizzen.orm.drivers`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine, Select
    from sqlalchemy.ext.asyncio import AsyncEngine

    from ._errors import OrmError
    from ._search import SearchShape
    from ._terms import Term


class SearchBackend(Protocol):
    """How one kind of database stores a full-text index and asks it."""

    def create(self, shape: SearchShape) -> list[str]:
        """Return the statements that build the index anew, fill it, and keep it in step."""
        ...

    def drop(self, shape: SearchShape) -> list[str]:
        """Return the statements that remove the index."""
        ...

    def present(self, connection: Connection) -> dict[str, SearchShape]:
        """Return the indexes in the database, by table."""
        ...

    def repair(self, connection: Connection, before: dict[str, SearchShape]) -> None:
        """Put back what altering tables has taken from the indexes there were *before*."""
        ...

    def narrow(
        self, statement: Select[Any], key: Any, shape: SearchShape, terms: list[Term]
    ) -> tuple[Select[Any], list[Any]]:
        """Return *statement* with only matching rows, and the order of their rank."""
        ...


@runtime_checkable
class Driver(Protocol):
    """One kind of database behind SQLAlchemy engines; made by `(url, timeout=…, pool=…)`."""

    search: SearchBackend
    reader: AsyncEngine
    writer: AsyncEngine

    async def open(self) -> None:
        """Reach the database; raises `Unavailable` or `Damaged`."""
        ...

    async def close(self) -> None:
        """Let go of every connection."""
        ...

    def migrator(self) -> Engine:
        """Return a plain engine whose transactions may change the schema."""
        ...

    def before_migrations(self, connection: Connection) -> None:
        """Wait until no other process migrates, until the transaction ends."""
        ...

    def after_migrations(self, connection: Connection) -> None:
        """Raise `MigrationFailed` when the data no longer fit the schema."""
        ...

    def explain(self, error: Exception) -> OrmError:
        """Return a driver's error in our words."""
        ...

    def waited(self) -> float:
        """Return the seconds spent waiting for the turn to write."""
        ...
