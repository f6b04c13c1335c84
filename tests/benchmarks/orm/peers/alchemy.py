"""What the peers on SQLAlchemy have in common: the address, the settings, the type of JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import rows
from sqlalchemy import JSON, event
from sqlalchemy.dialects.postgresql import JSONB

from .peer import PRAGMAS

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

JSON_TYPE = JSON().with_variant(JSONB(), "postgresql")


def address(url: str, driver: str = "psycopg") -> str:
    """Return the URL as SQLAlchemy writes it; *driver* is the one for PostgreSQL."""
    name = "sqlite+aiosqlite" if rows.is_sqlite(url) else f"postgresql+{driver}"
    return f"{name}:{url.partition(':')[2]}"


def settle(engine: AsyncEngine) -> AsyncEngine:
    """Ask every new connection for the settings that all peers have."""
    if engine.dialect.name == "sqlite":
        event.listen(engine.sync_engine, "connect", _ask)
    return engine


def _ask(connection: Any, _record: object) -> None:
    cursor = connection.cursor()
    for name, value in PRAGMAS.items():
        cursor.execute(f"PRAGMA {name} = {value}")
    cursor.close()
