"""Users and sessions in an SQLite file, which may be the app's own: the tables are `auth_…`."""

from __future__ import annotations

import os
import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

import anyio
import anyio.to_thread

from mizzen.auth._errors import ConfigurationError, NotStarted, StoreBusy, StoreError

from ._lane import Lane
from ._sql import TABLES, SQLStore

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from ._sql import Execute, Row

__all__ = ["SQLiteStore"]

T = TypeVar("T")
PATIENCE = 5.0  # seconds, for the lane and for SQLite's own lock


class SQLiteStore(SQLStore):
    """One connection that writes and one that reads, each used by one thread at a time.

    In WAL mode reading never waits for a writer, so a request is not held up by a busy lane.
    """

    def __init__(self, url: str) -> None:
        self._path = _path(url)
        self._lane = Lane(self._path, PATIENCE)
        self._reading = _Connection(self._path)
        self._writing = _Connection(self._path)

    async def start(self) -> None:
        """Open the file, and create what is missing; safe when two processes do it at once."""
        await self._writing.use(self._open_in_turn)
        await self._write(lambda run: [run(statement, ()) for statement in TABLES])
        await self._reading.use(self._reading.open)

    async def aclose(self) -> None:
        """Close both connections; idempotent."""
        await self._reading.use(self._reading.close)
        await self._writing.use(self._writing.close)

    def _open_in_turn(self) -> None:
        with self._lane.held():  # the first change to WAL needs the file for itself
            self._writing.open()

    async def _read(self, work: Callable[[Execute], T]) -> T:
        return await self._reading.use(lambda: work(self._reading.run))

    async def _write(self, work: Callable[[Execute], T]) -> T:
        def in_turn() -> T:
            with self._lane.held(), self._writing.transaction():
                return work(self._writing.run)

        return await self._writing.use(in_turn)


class _Connection:
    """A connection whose blocking calls run in one thread at a time, in the order they came."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._one_by_one = anyio.CapacityLimiter(1)
        self._connection: sqlite3.Connection | None = None
        self._process = 0

    async def use(self, work: Callable[[], T]) -> T:
        """Run blocking work in the thread, with SQLite's errors as ours."""

        def mapped() -> T:
            with self._errors():
                return work()

        return await anyio.to_thread.run_sync(mapped, limiter=self._one_by_one)

    def open(self) -> None:
        """Open the file; twice is once."""
        if self._connection is not None and self._process == os.getpid():
            return
        connection = sqlite3.connect(
            self._path, timeout=PATIENCE, isolation_level=None, check_same_thread=False
        )
        try:
            for setting in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON"):
                connection.execute(f"PRAGMA {setting}")
        except BaseException:
            connection.close()
            raise
        self._connection, self._process = connection, os.getpid()

    def close(self) -> None:
        """Close the file; a connection of the parent process is left to the parent."""
        if self._connection is not None and self._process == os.getpid():
            self._connection.close()
        self._connection = None

    def run(self, statement: str, values: Sequence[object]) -> list[Row]:
        """Execute one statement and return all its rows."""
        if self._connection is None:
            raise NotStarted("The user store is closed: call `await auth.start()`")
        if self._process != os.getpid():
            raise NotStarted(
                "No SQLite connection survives a fork: start an Auth of the child's own"
            )
        return self._connection.execute(statement, values).fetchall()

    @contextmanager
    def transaction(self) -> Generator[None]:
        """Commit at the end, or roll back when the work fails."""
        self.run("BEGIN IMMEDIATE", ())
        try:
            yield
            self.run("COMMIT", ())
        finally:
            if self._connection is not None and self._connection.in_transaction:
                self._connection.rollback()

    @contextmanager
    def _errors(self) -> Generator[None]:
        try:
            yield
        except sqlite3.Error as exc:
            kind = StoreBusy if "locked" in str(exc) else StoreError
            raise kind(f"SQLite could not use {self._path}: {exc}") from exc
        except OSError as exc:
            raise StoreError(f"Could not use {self._path}: {exc.strerror}") from exc


def _path(url: str) -> str:
    """Return the file of `sqlite:///relative` or `sqlite:////absolute`."""
    path = url.removeprefix("sqlite:///")
    if path == url or not path or path == ":memory:" or "?" in path:
        raise ConfigurationError(
            f"{url!r} names no file: write sqlite:///relative.db, sqlite:////absolute.db or memory:"
        )
    return path
