"""The guard of PostgreSQL: a read-only transaction, a statement timeout, the extended protocol."""

from __future__ import annotations

from itertools import islice
from typing import Any


class PostgreSQLGuard:
    """Keeps one statement in bounds on a psycopg connection of its own."""

    def __init__(self, connection: Any, write: bool, timeout: float) -> None:
        self._connection = connection
        self._write = write
        self._timeout = timeout

    def begin(self) -> None:
        """Begin the transaction; nothing in it can make it write again."""
        self._connection.autocommit = False
        self._connection.read_only = not self._write
        # After a first statement PostgreSQL refuses to turn a transaction from reads to writes.
        self._connection.execute(
            "SELECT set_config('statement_timeout', %s, true)", [f"{int(self._timeout * 1000)}ms"]
        )

    def run(self, sql: str, values: Any, limit: int) -> tuple[Any, list[Any], int]:
        """Execute one statement: the extended protocol takes no more."""
        cursor = self._connection.cursor()
        if self._write:
            cursor.execute(sql, values, prepare=True)
            written: list[Any] = cursor.fetchmany(limit) if cursor.description else []
            return cursor.description, written, cursor.rowcount
        # Row by row, so that a huge table neither fills the memory nor is sent to its end.
        stream = cursor.stream(sql, values)
        rows: list[Any] = list(islice(stream, limit))
        description = cursor.description
        stream.close()
        if not rows:
            description = self._connection.cursor().execute(sql, values, prepare=True).description
        return description, rows, -1

    def refused(self, error: Exception) -> str | None:
        """Return what the guard did, when the error is its own."""
        return {"25006": "write", "57014": "time"}.get(getattr(error, "sqlstate", None) or "")

    def interrupt(self) -> None:
        """Stop the statement."""
        self._connection.cancel_safe(timeout=5)
