"""The owner task: a task group that can be opened in one notebook cell and closed in another."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Any

from ._errors import CableError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    import anyio.abc

logger = logging.getLogger("mizzen.cable")


class Owner:
    """Holds background work from `open` to `close`, and keeps its first failure for the caller."""

    def __init__(self) -> None:
        self._task: asyncio.Task[None] | None = None
        self._group: anyio.abc.TaskGroup | None = None
        self._stop = asyncio.Event()
        self._failure: Exception | None = None
        self._busy = 0

    async def open(self) -> None:
        """Start the task that holds the group."""
        ready = asyncio.Event()
        self._task = asyncio.create_task(self._hold(ready), name="mizzen.cable owner")
        await ready.wait()

    async def close(self, grace: float) -> None:
        """Give running work *grace* seconds to finish, then cancel what is left."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(grace):
                while self._busy:  # noqa: ASYNC110  (only at the end)
                    await asyncio.sleep(0.01)
        if self._busy:
            logger.warning("%d handlers were cancelled: they outlasted the grace", self._busy)
        self._stop.set()
        if self._task is not None:
            await asyncio.wait([self._task], timeout=grace)

    def spawn(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run work that `close` waits for."""
        if self._group is not None and not self._stop.is_set():
            self._busy += 1
            self._group.start_soon(self._guarded, work, True)

    def keep_running(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run work that goes on until `close` cancels it."""
        if self._group is not None:
            self._group.start_soon(self._guarded, work, False)

    def check(self) -> None:
        """Raise the first failure of background work, once."""
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise CableError(f"background work of the cable failed: {failure!r}") from failure

    async def _hold(self, ready: asyncio.Event) -> None:
        import anyio

        async with anyio.create_task_group() as self._group:
            ready.set()
            await self._stop.wait()
            self._group.cancel_scope.cancel()

    async def _guarded(self, work: Callable[[], Coroutine[Any, Any, None]], counted: bool) -> None:
        try:
            await work()
        except Exception as exc:
            logger.exception("background work failed")
            self._failure = self._failure or exc
        finally:
            self._busy -= counted
