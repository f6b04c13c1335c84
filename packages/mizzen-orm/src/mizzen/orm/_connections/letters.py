"""SQLite's own `lower` knows the letters of ASCII only: each connection gets one that knows all."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3
    from typing import Any

LOWER = "mizzen_lower"


def teach(connection: sqlite3.Connection) -> None:
    """Let statements on *connection* call `mizzen_lower(text)`."""
    connection.create_function(LOWER, 1, _lower, deterministic=True)


def _lower(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value
