"""The guard of SQLite: an authorizer, which sees what a statement does, not how it is written."""

from __future__ import annotations

import sqlite3
import threading
from typing import Any

_READS = {
    sqlite3.SQLITE_SELECT,
    sqlite3.SQLITE_READ,
    sqlite3.SQLITE_FUNCTION,
    sqlite3.SQLITE_RECURSIVE,
}
# A PRAGMA is allowed when it only answers, with any argument or with none.
_QUESTIONS = {
    "collation_list",
    "compile_options",
    "database_list",
    "foreign_key_check",
    "foreign_key_list",
    "function_list",
    "index_info",
    "index_list",
    "index_xinfo",
    "integrity_check",
    "module_list",
    "pragma_list",
    "quick_check",
    "table_info",
    "table_list",
    "table_xinfo",
}
_SETTINGS = {
    "data_version",  # FTS5 asks for it whenever one of its tables is opened
    "foreign_keys",
    "journal_mode",
    "page_count",
    "page_size",
    "user_version",
}
# Never, not even for writes: other files, and the end of the guard's own transaction.
_NEVER = {
    sqlite3.SQLITE_ATTACH,
    sqlite3.SQLITE_DETACH,
    sqlite3.SQLITE_TRANSACTION,
    sqlite3.SQLITE_SAVEPOINT,
}


class SQLiteGuard:
    """Keeps one statement in bounds on a connection of its own."""

    def __init__(self, connection: sqlite3.Connection, write: bool, timeout: float) -> None:
        self._connection = connection
        self._write = write
        self._timeout = timeout
        self._late = False

    def begin(self) -> None:
        """Begin the transaction, and set the authorizer."""
        connection = self._connection
        if self._write:
            # The migrations' connection comes without them.
            connection.execute("PRAGMA foreign_keys = ON").close()
            connection.cursor().execute("BEGIN IMMEDIATE").close()
        else:
            connection.execute("PRAGMA query_only = ON").close()
            connection.cursor().execute("BEGIN").close()
        connection.set_authorizer(self._authorize)

    def run(self, sql: str, values: Any, limit: int) -> tuple[Any, list[Any], int]:
        """Execute one statement (Python's driver takes no more), and stop it when it is late."""
        clock = threading.Timer(self._timeout, self._stop)
        clock.daemon = True
        clock.start()
        try:
            cursor = self._connection.cursor()
            cursor.execute(sql, values or ())
            rows = cursor.fetchmany(limit) if cursor.description else []
            found = (cursor.description, rows, cursor.rowcount)
            cursor.close()
            return found
        finally:
            clock.cancel()
            self._connection.set_authorizer(None)

    def refused(self, error: Exception) -> str | None:
        """Return what the guard did, when the error is its own."""
        if self._late:
            return "time"
        said = str(error)
        return "write" if "not authorized" in said or "prohibited" in said else None

    def interrupt(self) -> None:
        """Stop the statement."""
        self._connection.interrupt()

    def _stop(self) -> None:
        self._late = True
        self._connection.interrupt()

    def _authorize(self, action: int, first: str | None, second: str | None, *_more: Any) -> int:
        if action in _READS:
            # The one function that could bring other code in.
            loads = action == sqlite3.SQLITE_FUNCTION and (second or "").lower() == "load_extension"
            return self._allowed(not loads)
        if action == sqlite3.SQLITE_PRAGMA:
            asked = (first or "").lower()
            return self._allowed(asked in _QUESTIONS or (asked in _SETTINGS and second is None))
        # SQLite says so when it opens a virtual table; a statement that means it is refused anyway.
        opens = action == sqlite3.SQLITE_UPDATE and first == "sqlite_master"
        return self._allowed(opens or (self._write and action not in _NEVER))

    def _allowed(self, allowed: bool) -> int:
        return sqlite3.SQLITE_OK if allowed else sqlite3.SQLITE_DENY
