"""Users and sessions in PostgreSQL, through psycopg 3; the tables are `auth_…`."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import anyio
import anyio.to_thread
import psycopg

from mizzen.auth._display import masked
from mizzen.auth._errors import NotStarted, StoreBusy, StoreError

from ._sql import TABLES, SQLStore

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from ._sql import Execute, Row

__all__ = ["PostgreSQLStore"]

T = TypeVar("T")
Connection = psycopg.Connection[tuple[Any, ...]]

CONNECTIONS = 4
SCHEMA_LOCK = 0x6D7A617574  # "mzaut": one process at a time creates the tables
SETTINGS = """
    SET statement_timeout = '10s';
    SET lock_timeout = '5s';
    SET default_transaction_isolation = 'read committed'
"""


class ConnectionLost(StoreError):
    """The server went away in the middle."""


class PostgreSQLStore(SQLStore):
    """A few blocking connections, each used by one thread at a time; broken ones are replaced."""

    hold_row = " FOR SHARE"

    def __init__(self, url: str) -> None:
        self._url = url
        self._shown = masked(url)
        self._places = anyio.CapacityLimiter(CONNECTIONS)
        self._idle: list[Connection] = []
        self._open_in = 0

    async def start(self) -> None:
        """Connect, and create what is missing; safe when two processes do it at once."""
        self._open_in = os.getpid()

        def create(run: Execute) -> None:
            run("SELECT pg_advisory_xact_lock(?)", (SCHEMA_LOCK,))
            for statement in TABLES:
                run(statement, ())

        await self._write(create)

    async def aclose(self) -> None:
        """Close the connections; idempotent."""
        self._open_in = 0
        idle, self._idle = self._idle, []
        for connection in idle:
            await anyio.to_thread.run_sync(connection.close)

    async def _read(self, work: Callable[[Execute], T]) -> T:
        try:
            return await self._write(work)
        except ConnectionLost:  # the server restarted: a read may be tried again, a write not
            return await self._write(work)

    async def _write(self, work: Callable[[Execute], T]) -> T:
        def in_transaction() -> T:
            with self._errors(), self._lent() as connection, connection.transaction():
                return work(_execute(connection))

        return await anyio.to_thread.run_sync(in_transaction, limiter=self._places)

    @contextmanager
    def _lent(self) -> Generator[Connection]:
        """Lend a connection to this thread; a broken one takes all idle ones with it."""
        if self._open_in != os.getpid():
            raise NotStarted("The user store is closed: call `await auth.start()`")
        try:
            connection = self._idle.pop()
        except IndexError:
            connection = self._connect()
        try:
            yield connection
        except psycopg.OperationalError as exc:
            if connection.broken:
                self._idle.clear()
                raise ConnectionLost(f"The connection to {self._shown} was lost") from exc
            raise
        finally:
            if connection.closed or not self._open_in:
                connection.close()
            else:
                self._idle.append(connection)

    @contextmanager
    def _errors(self) -> Generator[None]:
        try:
            yield
        except psycopg.errors.LockNotAvailable as exc:
            raise StoreBusy(f"A lock in {self._shown} was held for too long: try again") from exc
        except psycopg.Error as exc:
            what = exc.diag.message_primary or str(exc).splitlines()[0]
            raise StoreError(f"PostgreSQL could not use {self._shown}: {what}") from exc

    def _connect(self) -> Connection:
        connection: Connection = psycopg.connect(self._url, autocommit=True, connect_timeout=5)
        connection.execute(SETTINGS)
        return connection


def _execute(connection: Connection) -> Execute:
    def run(statement: str, values: Sequence[object]) -> list[Row]:
        cursor = connection.execute(statement.replace("?", "%s").encode(), values)
        return cursor.fetchall() if cursor.description else []

    return run
