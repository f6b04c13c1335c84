"""A doorbell that nobody misses: each listener remembers how many rings it has heard."""

from __future__ import annotations

import asyncio


class Bell:
    """Rung from anywhere, heard on the event loop."""

    def __init__(self) -> None:
        self.rings = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiters: set[asyncio.Future[None]] = set()

    def hang(self) -> None:
        """Belong to the running event loop from now on."""
        self._loop = asyncio.get_running_loop()

    def ring(self) -> None:
        """Wake every listener; on the loop's own thread."""
        self.rings += 1
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)

    def ring_from_anywhere(self) -> None:
        """Wake every listener, from any thread; a loop that has closed needs no ring."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self.ring)

    async def wait(self, seen: int, limit: float) -> int:
        """The number of rings, as soon as it differs from *seen* or *limit* seconds have passed."""
        if self.rings == seen:
            waiter = asyncio.get_running_loop().create_future()
            self._waiters.add(waiter)
            try:
                await asyncio.wait((waiter,), timeout=limit)
            finally:
                self._waiters.discard(waiter)
        return self.rings
