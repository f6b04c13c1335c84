"""The processes in which a worker runs its process jobs: started when needed, and used again."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from ._child_process import ChildProcess
from ._wire import Run

if TYPE_CHECKING:
    from collections.abc import Callable

    from ._address import Address
    from ._records import Desk
    from .abc import Claimed

# Starting one takes 0.1 s and what its modules take; keeping one takes memory, which jobs may leak.
_IDLE = 30.0
_JOBS_EACH = 1000


# A function, and where other processes find it.
Defined = tuple["Address", object]


class Children:
    """A worker's processes, each with one job at a time; they end with the worker."""

    def __init__(self) -> None:
        self._idle: list[ChildProcess] = []
        self._busy: set[ChildProcess] = set()
        self._alarm: asyncio.TimerHandle | None = None
        self._ending: set[asyncio.Task[None]] = set()
        self._newest: dict[Address, object] = {}

    async def run(
        self, function: Defined, job: Claimed, desk: Desk, started: Callable[[], None]
    ) -> str | None:
        """Run *job* in a process; its result as JSON.

        When the caller is cancelled, the job is told, and its process killed before this returns.
        """
        address, fn = function
        if self._newest.setdefault(address, fn) is not fn:
            self._newest[address] = fn
            self._forget_code()
        child = self._take()
        self._busy.add(child)
        try:
            result = await child.run(Run(address, job), desk, started)
        finally:
            self._busy.discard(child)
            if child.is_ready:
                self._keep(child)
            else:
                await child.kill()
        return result

    def _forget_code(self) -> None:
        """A module was loaded again: what has imported it runs nothing any more."""
        for child in self._busy:
            child.is_outdated = True
        while self._idle:
            self._end(self._idle.pop())

    def _take(self) -> ChildProcess:
        while self._idle:
            child = self._idle.pop()
            if child.is_alive:
                return child
            self._end(child)
        return ChildProcess()

    def _keep(self, child: ChildProcess) -> None:
        if child.is_outdated or child.jobs >= _JOBS_EACH:
            self._end(child)
            return
        self._idle.append(child)
        if self._alarm is None:
            self._alarm = asyncio.get_running_loop().call_later(_IDLE, self._end_idle)

    def _end_idle(self) -> None:
        """End those that have been without work for long; the oldest stand first."""
        now = time.monotonic()
        while self._idle and self._idle[0].idle_since + _IDLE <= now:
            self._end(self._idle.pop(0))
        self._alarm = None
        if self._idle:
            pause = self._idle[0].idle_since + _IDLE - now
            self._alarm = asyncio.get_running_loop().call_later(pause, self._end_idle)

    def _end(self, child: ChildProcess) -> None:
        task = asyncio.create_task(child.aclose())
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    async def aclose(self) -> None:
        """End all of them."""
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        children, self._idle = self._idle, []
        ends = [*(child.aclose() for child in children), *(child.kill() for child in self._busy)]
        await asyncio.gather(*ends, *self._ending)
