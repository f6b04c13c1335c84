"""An aiosqlite connection whose closing survives any cancellation.

aiosqlite's own `close()` asks its thread twice; when a cancelled task has stopped the thread in
between, the second question is never answered and a task hangs for ever. Here closing is one
request, asked once, and a connection that was being opened when its task was cancelled is closed.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, cast

import aiosqlite
from aiosqlite import core

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable


class ThreadConnection(aiosqlite.Connection):
    """One SQLite connection and the daemon thread that owns it."""

    def __init__(self, connect: Callable[[], sqlite3.Connection]) -> None:
        self._made: sqlite3.Connection | None = None

        def remember() -> sqlite3.Connection:
            made = self._made = connect()
            return made

        super().__init__(remember, 64)
        self._ending: asyncio.Future[Any] | None = None
        # aiosqlite 0.22 made its threads hold the process; a forgotten aclose() must not.
        self._thread.daemon = True

    async def close(self) -> None:
        """Close after what was asked before, and end the thread."""
        if (ending := self.stop()) is not None:
            await asyncio.shield(ending)

    def stop(self) -> asyncio.Future[Any] | None:
        """Ask for the end, once; return what is done when it has come."""
        if self._running:
            self._running = False
            try:
                self._ending = asyncio.get_running_loop().create_future()
            except RuntimeError:
                self._ending = None
            cast("Any", self)._tx.put_nowait((self._ending, self._end))
        return self._ending

    def _end(self) -> object:
        made, self._made, self._connection = self._made, None, None
        if made is not None:
            made.close()
        return cast("Any", core)._STOP_RUNNING_SENTINEL
