"""Closing a pool for good: what is at work is closed when it comes back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import event

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine
    from sqlalchemy.pool import ConnectionPoolEntry


async def dispose(engine: AsyncEngine) -> None:
    """Close the idle connections now, and those at work as soon as they are given back.

    SQLAlchemy would put those into the pool that it has forgotten, and leave them open.
    """
    event.listen(engine.sync_engine.pool, "checkin", _close)
    await engine.dispose()


def _close(connection: Any, entry: ConnectionPoolEntry) -> None:
    if connection is not None:  # else it was lost already
        entry.invalidate()
