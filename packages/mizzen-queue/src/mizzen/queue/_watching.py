"""How a queue shows its jobs while they run."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TextIO, TypeVar, cast

from ._errors import QueueError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ._handle import Handle
    from ._queue import Queue
    from .notebook import View

R = TypeVar("R")

_EVERY = 0.1


class Watching:
    """The part of `Queue` that people look at."""

    def view(self, every: float = 0.5) -> View:
        """A live view for a notebook: counts, rate, running jobs and failures; text elsewhere."""
        from ._looks import QueueLook
        from .notebook import View

        queue = cast("Queue", self)
        return View(queue, every, QueueLook(queue))

    async def follow(self, handles: Iterable[Handle[R]], *, file: TextIO | None = None) -> list[R]:
        """Show progress bars until all jobs have ended; their results, in their order.

        On stderr, or *file*, by rich where it is installed; in a notebook as a view. When jobs
        failed, the first of their errors is raised, after all have ended.
        """
        wanted, queue = [*handles], cast("Queue", self)
        # In a test nothing runs meanwhile, and `result` says what to do.
        if queue.rehearsal is None or queue.workers:
            await _show(wanted, file)
        results, failure = list[R](), None
        for handle in wanted:
            try:
                results.append(await handle.result())
            except QueueError as exc:
                failure = failure or exc
        if failure is not None:
            raise failure
        return results


async def _show(handles: Sequence[Handle[Any]], file: TextIO | None) -> None:
    from ._following import Following
    from .notebook import display

    following = Following(handles)
    if file is None and await display(following):
        return
    from ._bars import open_bars

    bars = open_bars(file)
    try:
        while True:
            await following.look()
            bars.show(following)
            if following.is_over:
                return
            await asyncio.sleep(_EVERY)
    finally:
        bars.close()
