"""Creating what is missing: tables of the known models, and their search indexes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import _known

if TYPE_CHECKING:
    from sqlalchemy import Connection


def create_all(connection: Connection) -> None:
    """Create missing tables and search indexes on *connection*."""
    _known.metadata.create_all(connection)
