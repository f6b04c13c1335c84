"""PostgreSQL without SQLAlchemy's connections: one round trip for a statement and its commit."""

from __future__ import annotations

import asyncio
import select
from collections import deque
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, cast

import psycopg

from .._connections.direct import Answer, Prepared
from ._psycopg_connecting import connected
from ._psycopg_json import leave_json

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping, Sequence


class PsycopgDirect:
    """A pool of autocommit connections; nothing in them is altered, so none needs a reset."""

    def __init__(self, arguments: Mapping[str, Any], *, size: int, timeout: float) -> None:
        self._arguments = arguments
        self._idle: deque[psycopg.AsyncConnection[tuple[Any, ...]]] = deque()
        self._places = asyncio.Semaphore(size)
        self._timeout = timeout
        self._busy = 0

    async def read(self, statement: Prepared) -> Answer:
        """Run a SELECT in a transaction of its own."""
        async with self._connection() as connection:
            return await _run(connection, statement)

    async def write(self, statement: Prepared) -> Answer:
        """Run one statement, which the server commits by itself."""
        return await self.read(statement)

    async def write_all(self, statements: Sequence[Prepared]) -> list[Answer]:
        """Run statements in one transaction."""
        async with self._connection() as connection, connection.transaction():
            return [await _run(connection, statement) for statement in statements]

    async def close(self) -> None:
        """Close every idle connection; one at work is closed when it comes back."""
        self._timeout = -1
        while self._idle:
            await self._idle.pop().close()

    def busy(self) -> int:
        """Return how many connections are at work."""
        return self._busy

    def waited(self) -> float:
        """Return 0: PostgreSQL's writers don't queue here."""
        return 0.0

    @asynccontextmanager
    async def _connection(self) -> AsyncGenerator[psycopg.AsyncConnection[tuple[Any, ...]]]:
        if self._places.locked():
            async with asyncio.timeout(self._timeout):
                await self._places.acquire()
        else:
            await self._places.acquire()
        self._busy += 1
        connection: psycopg.AsyncConnection[tuple[Any, ...]] | None = None
        try:
            connection = await self._idle_or_new()
            yield connection
        except psycopg.Error:
            await self._put_back(connection)
            raise
        except BaseException:
            # Cancelled somewhere in the protocol: what the server thinks is not known any more.
            # A close waits for nothing, so that nothing can cut it short; a task of its own would
            # be cancelled before its first step when the loop ends.
            if connection is not None:
                await connection.close()
            raise
        else:
            await self._put_back(connection)
        finally:
            self._busy -= 1
            self._places.release()

    async def _idle_or_new(self) -> psycopg.AsyncConnection[tuple[Any, ...]]:
        while self._idle:
            connection = self._idle.pop()
            if not _has_news(connection):
                return connection
            await connection.close()
        made = await connected(**self._arguments, autocommit=True)
        leave_json(made)
        return made

    async def _put_back(self, connection: psycopg.AsyncConnection[tuple[Any, ...]] | None) -> None:
        if connection is None:
            return
        idle = connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE
        if idle and self._timeout >= 0:
            self._idle.append(connection)
        else:
            await connection.close()


async def _run(connection: psycopg.AsyncConnection[tuple[Any, ...]], statement: Prepared) -> Answer:
    cursor = await connection.execute(cast("Any", statement.sql), statement.parameters)
    result = cursor.pgresult
    if result is None or not result.nfields:
        return Answer([], (), cursor.rowcount)
    # The types alone: psycopg's description of all else took a tenth of a get.
    codes = [(None, result.ftype(column)) for column in range(result.nfields)]
    return Answer(await cursor.fetchall(), codes, cursor.rowcount)


def _has_news(connection: psycopg.AsyncConnection[tuple[Any, ...]]) -> bool:
    # An idle connection has nothing to read but its end: a restarted server costs a reconnect,
    # not an error, and no round trip is spent on asking.
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN | select.POLLHUP | select.POLLERR)
    return bool(poll.poll(0))
