"""Blocking work off the loop, stopped when its caller is cancelled."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

T = TypeVar("T")


async def stoppable(work: Callable[[threading.Event], T], stop: threading.Event) -> T:
    """Run *work(stop)* in a thread; a cancelled caller sets *stop*, then waits for the end."""
    from anyio import create_task_group, sleep_forever, to_thread

    outcome: list[T] = []
    failure: Exception | None = None

    async def stop_when_cancelled() -> None:
        try:
            await sleep_forever()
        finally:
            stop.set()

    async with create_task_group() as group:
        group.start_soon(stop_when_cancelled)
        try:
            outcome.append(await to_thread.run_sync(work, stop))
        except Exception as error:  # raised below: a task group would wrap it in another
            failure = error
        group.cancel_scope.cancel()
    if failure is not None:
        raise failure
    return outcome[0]
