"""Who migrates, and how long a step waits for a busy table: what databases do differently."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from .._errors import Busy

if TYPE_CHECKING:
    from collections.abc import Generator

    from sqlalchemy import Connection

# "mizzen" in ASCII, as in the PostgreSQL driver's `before_migrations`: one lock, entered twice.
_KEY = 0x6D697A7A656E
_TAKE = {
    "postgresql": f"SELECT pg_try_advisory_lock({_KEY})",
    "mysql": "SELECT GET_LOCK(CONCAT('mizzen ', MD5(DATABASE())), 0)",
}
_GIVE = {
    "postgresql": f"SELECT pg_advisory_unlock({_KEY})",
    "mysql": "SELECT RELEASE_LOCK(CONCAT('mizzen ', MD5(DATABASE())))",
}
_LONGEST_PAUSE = 0.25
# PostgreSQL: lock_not_available, deadlock_detected. MySQL: lock wait timeout, deadlock.
_BUSY_STATES = {"55P03", "40P01"}
_BUSY_NUMBERS = {1205, 1213}


def kind(connection: Connection) -> str:
    """Return the dialect's family: MariaDB speaks as MySQL does."""
    name = connection.dialect.name
    return "mysql" if name == "mariadb" else name


def rolls_back_schema(connection: Connection) -> bool:
    """Return whether a transaction takes changes of the schema back."""
    return kind(connection) != "mysql"


@contextmanager
def only_migrator(connection: Connection, wait: float) -> Generator[None]:
    """Hold the database's lock for migrations; raises `Busy` after *wait* seconds.

    SQLite has none: there each step takes its turn in the lane, and looks whether it is done.
    """
    if kind(connection) not in _TAKE:
        yield
        return
    _queue(connection, wait)
    try:
        yield
    finally:
        if not connection.invalidated and not connection.closed:
            with connection.begin():
                connection.execute(text(_GIVE[kind(connection)]))


def set_timeout(connection: Connection, seconds: float, *, local: bool) -> None:
    """Let a statement wait at most *seconds* for a lock (0: for ever), `local`ly or from now on."""
    if kind(connection) == "postgresql":
        scope = "LOCAL" if local else "SESSION"
        connection.exec_driver_sql(f"SET {scope} lock_timeout = {int(seconds * 1000)}")
    elif kind(connection) == "mysql":
        whole = max(1, round(seconds)) if seconds else 31536000
        connection.exec_driver_sql(f"SET SESSION lock_wait_timeout = {whole}")
        connection.exec_driver_sql(
            f"SET SESSION innodb_lock_wait_timeout = {min(whole, 1073741824)}"
        )


def is_busy(error: BaseException) -> bool:
    """Return whether a lock did not come in time, so that trying again may help."""
    origin = error.orig if isinstance(error, DBAPIError) else error
    arguments: tuple[Any, ...] = getattr(origin, "args", ())
    number = arguments[0] if arguments else None
    return getattr(origin, "sqlstate", None) in _BUSY_STATES or number in _BUSY_NUMBERS


def _queue(connection: Connection, wait: float) -> None:
    # Asked again and again instead of waited for: a waiting statement holds a snapshot, and
    # CREATE INDEX CONCURRENTLY in the process that has the lock would wait for that for ever.
    pause, until = 0.01, time.monotonic() + wait
    while True:
        with connection.begin():
            if connection.execute(text(_TAKE[kind(connection)])).scalar_one():
                return
        if time.monotonic() > until:
            raise Busy(
                f"another process has been migrating {connection.engine.url.database} for "
                f"{wait:g} s; look what it is at, and try again."
            )
        time.sleep(pause)
        pause = min(pause * 2, _LONGEST_PAUSE)
