"""One thread that owns a tier's files, so that nothing on disk ever blocks the event loop.

Calls that arrive while it is busy are taken together and answered in one hop back to the loop.
"""

from __future__ import annotations

import asyncio
import os
import threading
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, Final, TypeVar

from ._errors import TierUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")
_Job = tuple["Callable[[], Any] | None", "asyncio.Future[Any]"]
_Answer = tuple["asyncio.Future[Any]", Any, "BaseException | None"]

_TOGETHER: Final = 32  # answers per hop: more would make the first caller wait for the last


class Worker:
    """A daemon thread that runs jobs in the order they came."""

    def __init__(self, name: str) -> None:
        self._loop = asyncio.get_running_loop()
        self._jobs: SimpleQueue[_Job] = SimpleQueue()
        self._pid = os.getpid()
        self._stopped = False
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    async def run(self, job: Callable[[], T]) -> T:
        """Return what *job* returns, run in the thread."""
        if self._stopped or os.getpid() != self._pid:
            raise TierUnavailable("opened in another process, before a fork; start a cache here")
        answer: asyncio.Future[T] = self._loop.create_future()
        self._jobs.put((job, answer))
        return await answer

    async def stop(self, last: Callable[[], None], within: float) -> None:
        """Run *last* after the jobs taken, then end the thread; wait *within* seconds at most."""
        if self._stopped or os.getpid() != self._pid:
            return
        self._stopped = True
        done: asyncio.Future[None] = self._loop.create_future()
        self._jobs.put((last, self._loop.create_future()))
        self._jobs.put((None, done))
        await asyncio.wait([done], timeout=within)

    def _work(self) -> None:
        running = True
        while running:
            answers: list[_Answer] = []
            for job, future in self._next():
                if job is None:
                    running = False
                    answers.append((future, None, None))
                    break
                if not future.cancelled():
                    answers.append(_run(job, future))
            try:
                self._loop.call_soon_threadsafe(_deliver, answers)
            except RuntimeError:  # the loop is gone, and with it everyone who waited
                return

    def _next(self) -> list[_Job]:
        batch = [self._jobs.get()]
        while len(batch) < _TOGETHER:
            try:
                batch.append(self._jobs.get_nowait())
            except Empty:
                break
        return batch


def _run(job: Callable[[], Any], future: asyncio.Future[Any]) -> _Answer:
    try:
        return future, job(), None
    except BaseException as exc:
        return future, None, exc


def _deliver(answers: list[_Answer]) -> None:
    for future, result, error in answers:
        if future.done():
            continue
        if error is None:
            future.set_result(result)
        else:
            future.set_exception(error)
