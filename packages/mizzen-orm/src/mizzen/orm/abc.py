"""What a database driver offers; third parties register one under `mizzen.orm.drivers`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from ._search.backend import SearchBackend

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from sqlalchemy import Connection, Engine
    from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

    from ._errors import OrmError

__all__ = ["Driver", "Isolating", "QueryCache", "SearchBackend"]


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


class QueryCache(Protocol):
    """Where `Query.cached()` keeps answers; `mizzen.cache.Cache` is one."""

    async def fetch(
        self,
        key: str,
        load: Callable[[], Awaitable[str]],
        *,
        ttl: float | None = None,
        tags: Iterable[str] = (),
    ) -> Any:
        """Return the text kept under *key*, or what *load* returns, kept for *ttl* seconds.

        What *load* raises is raised. A text whose tag is outdated while it is loaded is not kept.
        """
        ...

    async def invalidate_tags(self, *tags: str) -> None:
        """Make every text under any of these tags outdated."""
        ...


@runtime_checkable
class Isolating(Protocol):
    """A driver that can say how far one transaction is kept apart from others."""

    isolation_levels: tuple[str, ...]  # in lower case; one that stands alone is always on

    async def begin(self, session: AsyncSession, isolation: str | None, readonly: bool) -> None:
        """Begin the transaction of *session*; nothing of this may outlive it on its connection."""
        ...
