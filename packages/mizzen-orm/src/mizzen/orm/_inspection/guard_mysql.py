"""The guard of MariaDB and MySQL: a read-only transaction, and the server's own limits."""

from __future__ import annotations

from typing import Any

_READ_ONLY = {1792}
_LATE = {1969, 3024, 1317}


class MySQLGuard:
    """Keeps one statement in bounds on a connection of its own."""

    def __init__(self, connection: Any, write: bool, timeout: float) -> None:
        self._connection = connection
        self._write = write
        self._timeout = timeout

    def begin(self) -> None:
        """Begin the transaction; the driver itself sends one statement at a time."""
        cursor = self._connection.cursor()
        cursor.execute("SELECT VERSION()")
        if "mariadb" in str(cursor.fetchone()[0]).lower():
            cursor.execute(f"SET SESSION max_statement_time = {float(self._timeout)}")
        else:
            cursor.execute(f"SET SESSION max_execution_time = {int(self._timeout * 1000)}")
        kind = "READ WRITE" if self._write else "READ ONLY"
        cursor.execute(f"SET SESSION TRANSACTION {kind}")
        cursor.execute(f"START TRANSACTION {kind}")
        cursor.close()

    def run(self, sql: str, values: Any, limit: int) -> tuple[Any, list[Any], int]:
        """Execute one statement; the server cuts off what is not wanted."""
        cursor = self._connection.cursor()
        cursor.execute(f"SET SESSION sql_select_limit = {int(limit)}")
        cursor.execute(sql, values)
        rows = list(cursor.fetchmany(limit)) if cursor.description else []
        found = (cursor.description, rows, cursor.rowcount)
        cursor.close()
        return found

    def refused(self, error: Exception) -> str | None:
        """Return what the guard did, when the error is its own."""
        code: object = error.args[0] if error.args else None
        return "write" if code in _READ_ONLY else "time" if code in _LATE else None

    def interrupt(self) -> None:
        """Leave the statement to its time limit: stopping it takes a second connection."""
