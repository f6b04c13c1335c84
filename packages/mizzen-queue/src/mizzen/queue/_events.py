"""What happens to jobs in this process, for those who want to know."""

from __future__ import annotations

import asyncio
import inspect
import logging
from typing import TYPE_CHECKING, get_args

from ._records import Event, EventName

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

Handler = "Callable[[Event], Awaitable[object] | object]"

_log = logging.getLogger("mizzen.queue")


class Listeners:
    """Handlers by event; a failing one is logged and counted, and never stops a worker."""

    def __init__(self) -> None:
        self._handlers: dict[str, list[Callable[[Event], Awaitable[object] | object]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self.errors: int = 0

    def add(
        self, name: EventName, fn: Callable[[Event], Awaitable[object] | object]
    ) -> Callable[[], None]:
        """Call *fn* at each *name*; what is returned takes it away again."""
        if name not in get_args(EventName):
            raise ValueError(f"no event is called {name!r}: {', '.join(get_args(EventName))}")
        handlers = self._handlers.setdefault(name, [])
        handlers.append(fn)

        def remove() -> None:
            if fn in handlers:
                handlers.remove(fn)

        return remove

    def wanted(self, name: EventName) -> bool:
        """Whether anybody listens; spares making an event that nobody sees."""
        return bool(self._handlers.get(name))

    def emit(self, event: Event) -> None:
        """Call the handlers; asynchronous ones run on as tasks."""
        for fn in tuple(self._handlers.get(event.name, ())):
            try:
                outcome = fn(event)
            except Exception:
                self._failed(fn)
            else:
                if inspect.isawaitable(outcome):
                    task = asyncio.ensure_future(self._finish(fn, outcome))
                    self._tasks.add(task)
                    task.add_done_callback(self._tasks.discard)

    async def settle(self, limit: float) -> None:
        """Let asynchronous handlers finish; those that don't are cancelled."""
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=limit)
            for task in late:
                task.cancel()

    async def _finish(self, fn: object, outcome: Awaitable[object]) -> None:
        try:
            await outcome
        except Exception:
            self._failed(fn)

    def _failed(self, fn: object) -> None:
        self.errors += 1
        _log.exception("an event handler failed: %r", fn)
