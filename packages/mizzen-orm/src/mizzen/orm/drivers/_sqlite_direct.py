"""SQLite without SQLAlchemy's connections: one thread hop for a statement and its commit."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections import deque
from typing import TYPE_CHECKING, Any, cast

from .._connections.direct import Answer, Prepared
from .._connections.finish import finish

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from .._connections.lane import WriterConnection
    from ._thread import ThreadConnection

# A small SELECT takes 10 to 50 µs; one that takes longer than this leaves the event loop.
_INLINE_SECONDS = 0.0003
_INLINE_STEPS = 200


class SQLiteDirect:
    """Readers side by side, one writer; connections open when they are first needed."""

    def __init__(
        self,
        connect_reader: Callable[[], Awaitable[ThreadConnection]],
        connect_writer: Callable[[], Awaitable[ThreadConnection]],
        *,
        readers: int,
        inline: Callable[[], sqlite3.Connection] | None = None,
    ) -> None:
        self._connect_reader, self._connect_writer = connect_reader, connect_writer
        self._idle: deque[ThreadConnection] = deque()
        self._places = asyncio.Semaphore(readers)
        self._writer: ThreadConnection | None = None
        self._writing = asyncio.Lock()  # wakes its waiters first come, first served
        self._busy = 0
        self._connect_inline = inline
        self._inline: sqlite3.Connection | None = None
        self._deadline = 0.0

    async def read(self, statement: Prepared) -> Answer:
        """Run a SELECT on a connection of its own; or at once, when inline reads are on."""
        if self._connect_inline is not None:
            found = self._at_once(statement)
            if found is not None:
                return found
        async with self._places:
            connection = self._idle.pop() if self._idle else await self._connect_reader()
            self._busy += 1
            try:
                return cast("Answer", await _hop(connection, _read, statement))
            finally:
                # The thread takes one call after the other: one that was given up ends first.
                self._busy -= 1
                self._idle.append(connection)

    async def write(self, statement: Prepared) -> Answer:
        """Run one statement, in the lane; SQLite commits it by itself."""
        return cast("Answer", await self._in_turn(_write, statement))

    async def write_all(self, statements: Sequence[Prepared]) -> list[Answer]:
        """Run statements between BEGIN IMMEDIATE and COMMIT, in the lane, in one hop."""
        return cast("list[Answer]", await self._in_turn(_write_all, statements))

    async def _in_turn(self, work: Callable[[Any, Any], Any], asked: Any) -> Any:
        async with self._writing:
            if self._writer is None:
                self._writer = await self._connect_writer()
            self._busy += 1
            try:
                return await _hop(self._writer, work, asked)
            except asyncio.CancelledError:
                # It is on its way and can't be called back; the caller hears when it is done:
                # the thread answers in turn. (Shielding the hop instead costs 60 µs a write.)
                await finish(_hop(self._writer, _nothing, None))
                raise
            finally:
                self._busy -= 1

    async def close(self) -> None:
        """Close every connection after what it was asked before."""
        inline, self._inline, self._connect_inline = self._inline, None, None
        if inline is not None:
            inline.close()
        while self._idle:
            await self._idle.pop().close()
        writer, self._writer = self._writer, None
        if writer is not None:
            await writer.close()

    def busy(self) -> int:
        """Return how many connections are at work."""
        return self._busy

    def waited(self) -> float:
        """Return 0: the lane counts its own waits."""
        return 0.0

    def _at_once(self, statement: Prepared) -> Answer | None:
        if self._inline is None:
            assert self._connect_inline is not None  # noqa: S101  (asked by `read`)
            self._inline = self._connect_inline()
            self._inline.set_progress_handler(self._too_late, _INLINE_STEPS)
        self._deadline = time.perf_counter() + _INLINE_SECONDS
        try:
            return _read(self._inline, statement, inline=True)
        except sqlite3.OperationalError:
            # Interrupted, or locked for a moment: a worker does it again and says what is wrong.
            return None

    def _too_late(self) -> bool:
        return time.perf_counter() > self._deadline


async def _hop(connection: ThreadConnection, work: Callable[[Any, Any], Any], asked: Any) -> Any:
    """Run *work* in the connection's thread."""
    future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    inner: Any = connection
    if not inner._running:
        raise sqlite3.OperationalError("unable to open: the connection was closed")
    inner._tx.put_nowait((future, lambda: work(inner._connection, asked)))
    return await future


def _nothing(_connection: object, _asked: None) -> None:
    return None


def _read(connection: sqlite3.Connection, statement: Prepared, *, inline: bool = False) -> Answer:
    cursor = sqlite3.Cursor(connection)  # not one that knows the lane: that is taken here
    try:
        cursor.execute(statement.sql, statement.parameters)
        rows, codes = cursor.fetchall(), cursor.description or ()
        return Answer(rows, codes, cursor.rowcount, inline, cursor.lastrowid)
    finally:
        cursor.close()


def _write(connection: WriterConnection, statement: Prepared) -> Answer:
    connection.lane.enter()
    try:
        return _read(connection, statement)
    finally:
        connection.lane.leave()


def _write_all(connection: WriterConnection, statements: Sequence[Prepared]) -> list[Answer]:
    connection.lane.enter()
    try:
        sqlite3.Cursor(connection).execute("BEGIN IMMEDIATE")
        try:
            made = [_read(connection, statement) for statement in statements]
            sqlite3.Connection.commit(connection)
        except BaseException:
            sqlite3.Connection.rollback(connection)
            raise
        return made
    finally:
        connection.lane.leave()
