"""Plain SQL from an operation, with names in quotes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import text

if TYPE_CHECKING:
    from alembic.operations import Operations


def run(operations: Operations, statement: str) -> None:
    """Execute, or write down, a statement without parameters."""
    operations.execute(text(statement.replace(":", r"\:")))


def quoted(operations: Operations, name: str) -> str:
    """Return *name* in the dialect's quotes.

    Not SQLAlchemy's own quoting: that doubles percent signs for the driver, and `text` once more.
    """
    mark = operations.get_context().dialect.identifier_preparer.initial_quote
    return f"{mark}{name.replace(mark, mark * 2)}{mark}"


def literal(value: str) -> str:
    """Return *value* as a literal of SQL."""
    return "'" + value.replace("'", "''") + "'"
