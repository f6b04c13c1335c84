"""A few PostgreSQL connections, opened when needed; a broken one is dropped, not lent again."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from .._errors import QueueError, StoreBusy, StoreError

try:
    import psycopg
except ImportError as exc:
    raise QueueError('PostgreSQL needs psycopg: pip install "mizzen-queue[postgres]"') from exc

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator

Connection = psycopg.AsyncConnection

_SIZE = 4
_CONNECT_SECONDS = 5


class Connections:
    """Lends autocommit connections; maps the driver's errors on the way out."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._free: list[Connection] = []
        self._places = asyncio.Semaphore(_SIZE)
        self._closed = False

    def open_again(self) -> None:
        """Lend from now on, also after `aclose`."""
        self._closed = False

    @contextlib.asynccontextmanager
    async def lend(self) -> AsyncGenerator[Connection]:
        """A connection for one statement, or one transaction."""
        async with self._places:
            with mapped():
                connection = self._free.pop() if self._free else await self.open()
                try:
                    yield connection
                finally:
                    if self._closed or connection.closed or connection.info.transaction_status:
                        # Broken, too late, or left in the middle of something by a cancellation.
                        await connection.close()
                    else:
                        self._free.append(connection)

    async def open(self) -> Connection:
        """A new connection, which the caller closes."""
        with mapped():
            return await psycopg.AsyncConnection.connect(
                self._url, autocommit=True, connect_timeout=_CONNECT_SECONDS
            )

    async def aclose(self) -> None:
        """Close those that aren't lent, now; the others when they come back."""
        self._closed = True
        while self._free:
            await self._free.pop().close()


@contextlib.contextmanager
def mapped() -> Generator[None]:
    """Turn the driver's errors into ours."""
    try:
        yield
    except (
        psycopg.errors.DeadlockDetected,
        psycopg.errors.SerializationFailure,
        psycopg.errors.LockNotAvailable,
    ) as exc:
        raise StoreBusy(f"PostgreSQL: {exc}; try again") from exc
    except psycopg.Error as exc:
        raise StoreError(f"PostgreSQL: {str(exc).strip() or type(exc).__name__}") from exc
