"""A thread with an event loop of its own."""

from __future__ import annotations

import asyncio
import threading


class LoopThread:
    """A daemon thread that runs an event loop until it is stopped."""

    loop: asyncio.AbstractEventLoop

    def __init__(self, name: str) -> None:
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()
        self._ready.wait()

    def stop(self, timeout: float) -> bool:
        """Cancel what still runs, end the loop, and return whether it ended within *timeout*."""
        try:
            self.loop.call_soon_threadsafe(self._end.set)
        except RuntimeError:
            return True  # it is closed already
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _work(self) -> None:
        asyncio.run(self._live())

    async def _live(self) -> None:
        self.loop, self._end = asyncio.get_running_loop(), asyncio.Event()
        self._ready.set()
        await self._end.wait()
