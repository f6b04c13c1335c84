"""Several worker processes: started, started again when they end, and stopped together."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
import sys
import time
from typing import TYPE_CHECKING

from ._errors import QueueError
from ._leader import DRAIN, RELEASE, WORKING

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import Sequence

_log = logging.getLogger("mizzen.queue")

_PAUSE = 0.1
_LONGEST_PAUSE = 5.0
# A worker that lived for so long may be started again without a pause.
_LONG_LIFE = 5.0
# After it was told to let go; one that doesn't hear it any more is killed.
_END_WITHIN = 6.0


async def supervise(arguments: Sequence[str], processes: int, until_empty: bool) -> int:
    """Run `mizzen-queue` with *arguments* in so many processes, until a signal; the exit status."""
    if sys.platform == "win32":
        raise QueueError("--processes needs a system with Unix sockets: start several workers")
    if processes < 1:
        raise ValueError(f"--processes {processes}: there must be at least one")
    command = [sys.executable, "-m", "mizzen.queue", *arguments, "--led"]
    supervisor = Supervisor(command, until_empty)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, supervisor.stop)
    return await supervisor.run(processes)


class Supervisor:
    """Keeps workers going: the first signal drains them, the second lets go of running jobs."""

    def __init__(self, command: list[str], until_empty: bool) -> None:
        self._command, self._until_empty = command, until_empty
        self._workers: dict[Process, socket.socket] = {}
        self._ending = asyncio.Event()
        self._proven = False

    async def run(self, processes: int) -> int:
        """0 when all have ended in order; otherwise 1, or how the first one failed to start."""
        ends = await asyncio.gather(*(self._keep_one() for _ in range(processes)))
        return next((status if status > 0 else 1 for status in ends if status), 0)

    def stop(self) -> None:
        """Drain; the second time, let go."""
        word = RELEASE if self._ending.is_set() else DRAIN
        self._ending.set()
        for process, line in self._workers.items():
            _say(line, word)
            if word == RELEASE:
                asyncio.get_running_loop().call_later(_END_WITHIN, self._kill, process)

    def _kill(self, process: Process) -> None:
        if process in self._workers:
            _log.warning("worker %d doesn't end, and is killed", process.pid)
            process.kill()

    async def _keep_one(self) -> int:
        """One worker after the other, until one ends in order, or all are to end."""
        pause, status = 0.0, 0
        while not self._ending.is_set():
            began = time.monotonic()
            status = await self._run_one()
            if self._ending.is_set() or (status == 0 and self._until_empty):
                break
            if not self._proven:
                # What keeps the first one from working would keep the next ones, too.
                self.stop()
                break
            lived = time.monotonic() - began
            pause = 0.0 if lived > _LONG_LIFE else min(_LONGEST_PAUSE, max(_PAUSE, 2 * pause))
            _log.warning("a worker ended with status %d: another one starts", status)
            status = 0  # it is made up for, also when all end before the next one starts
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._ending.wait()
        return status

    async def _run_one(self) -> int:
        ours, theirs = socket.socketpair()
        with ours:
            with theirs:
                # A session of its own, so that Ctrl-C reaches it through us, and only once.
                process = await asyncio.create_subprocess_exec(
                    *self._command, stdin=theirs.fileno(), start_new_session=True
                )
            self._workers[process] = ours
            if self._ending.is_set():
                _say(ours, DRAIN)
            hearing = asyncio.create_task(self._hear(ours))
            try:
                return await process.wait()
            finally:
                hearing.cancel()
                await asyncio.wait((hearing,))
                del self._workers[process]

    async def _hear(self, line: socket.socket) -> None:
        line.setblocking(False)
        with contextlib.suppress(ConnectionError):
            if await asyncio.get_running_loop().sock_recv(line, 1) == WORKING:
                self._proven = True


def _say(line: socket.socket, word: bytes) -> None:
    with contextlib.suppress(OSError):  # it has ended by itself
        line.send(word)
