"""A call into an event loop from another thread.

It is what `asyncio.run_coroutine_threadsafe` is, and more: it runs in a chosen context, an
interrupt (Ctrl-C) of the waiting thread cancels it and waits for its end, and a loop that stops
meanwhile is an error, not a wait for ever.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from .._errors import NotStarted
from .._watching.source import Caller, waiting_caller

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from contextvars import Context

T = TypeVar("T")

_LOOK_SECONDS = 0.5  # how often a waiting thread looks whether the loop still runs


class Call(Generic[T]):
    """One coroutine at work in another thread's loop."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        coroutine: Coroutine[Any, Any, T],
        context: Context,
    ) -> None:
        self._loop, self._coroutine, self._context = loop, coroutine, context
        self._task: asyncio.Task[None] | None = None
        self._given_up = False
        self._done: concurrent.futures.Future[T] = concurrent.futures.Future()

    def run(self) -> T:
        """Start, wait, and return the result; an interrupt of the wait ends the call first."""
        caller = Caller()
        self._context.run(waiting_caller.set, caller)
        try:
            self._post(self._start)
            self._wait()
        except BaseException:
            # Not the call's own error: this thread was interrupted. A second interrupt, in the
            # wait below, leaves the call to end by itself.
            self._post(self._cancel)
            self._wait()
            raise
        finally:
            caller.left()
        return self._done.result()

    def _post(self, work: Any) -> None:
        try:
            self._loop.call_soon_threadsafe(work)
        except RuntimeError:  # the loop is closed
            self._settle()

    def _wait(self) -> None:
        while not concurrent.futures.wait([self._done], _LOOK_SECONDS).done:
            if not self._loop.is_running():
                self._lost()

    def _start(self) -> None:
        if self._given_up:
            self._settle()
            return
        self._task = self._loop.create_task(self._work(), context=self._context)
        # A task that is cancelled before its first step never enters `_work`.
        self._task.add_done_callback(self._settle)

    def _cancel(self) -> None:
        self._given_up = True
        if self._task is not None:
            self._task.cancel()

    async def _work(self) -> None:
        try:
            found = await self._coroutine
        except asyncio.CancelledError:
            raise
        # KeyboardInterrupt and SystemExit too: let through, they would end the whole loop.
        except BaseException as error:
            if not self._done.done():
                self._done.set_exception(error)
        else:
            if not self._done.done():
                self._done.set_result(found)

    def _settle(self, _task: object = None) -> None:
        self._coroutine.close()
        self._lost()

    def _lost(self) -> None:
        if not self._done.done():
            self._done.set_exception(
                NotStarted(
                    "the call was cancelled: the database was closed, or its event loop ended."
                )
            )
