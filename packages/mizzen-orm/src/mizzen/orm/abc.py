"""What a database driver offers; third parties register one under `mizzen.orm.drivers`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine
    from sqlalchemy.ext.asyncio import AsyncEngine

    from ._errors import OrmError
    from ._search import SearchIndex


class SearchBackend(Protocol):
    """How one kind of database stores a full-text index and asks it."""

    def create(self, index: SearchIndex) -> list[str]:
        """Return the statements that build the index, fill it, and keep it in step."""
        ...

    def drop(self, index: SearchIndex) -> list[str]:
        """Return the statements that remove the index."""
        ...


@runtime_checkable
class Driver(Protocol):
    """One kind of database behind SQLAlchemy engines; made by `(url, timeout=…, pool=…)`."""

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
