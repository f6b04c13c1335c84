"""Running an ending (commit, rollback, close) to its end, however often the task is cancelled."""

from __future__ import annotations

import asyncio
import inspect
from typing import TYPE_CHECKING, Any, TypeVar

import anyio

from .._watching.source import waiting_task

if TYPE_CHECKING:
    from collections.abc import Coroutine

T = TypeVar("T")


async def finish(ending: Coroutine[Any, Any, T]) -> T:
    """Await *ending* in a task of its own; a cancellation is delivered after it is done."""
    task = _begin(ending)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            with anyio.CancelScope(shield=True):
                await asyncio.wait([task])
        except asyncio.CancelledError as error:
            cancelled = error
        if task.cancelled() and inspect.getcoroutinestate(ending) == inspect.CORO_CREATED:
            # The end of the loop cancels every task, and this one before its first step.
            task = _begin(ending)
    if cancelled is not None:
        if not task.cancelled():
            task.exception()  # seen, though the cancellation is what the caller gets
        raise cancelled
    return task.result()


def _begin(ending: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
    async def run() -> T:
        return await ending

    token = waiting_task.set(asyncio.current_task())
    try:
        return asyncio.ensure_future(run())
    finally:
        waiting_task.reset(token)
