"""A worker that has its process to itself: runs until it is told to drain, and then to let go."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from typing import TYPE_CHECKING, Any

from ._leader import Leader

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Sequence

    from ._queue import Queue

_LOOK_WHETHER_EMPTY = 0.25


async def serve(queue: Queue, options: argparse.Namespace) -> None:
    """Work on *queue* until a signal, or the supervisor, says when to end."""
    worker = queue.worker(
        concurrency=options.concurrency, queues=options.queue_names, grace=options.grace
    )
    drain = asyncio.Event()

    def end() -> None:
        if drain.is_set():
            worker.release()
        drain.set()

    # Those that a supervisor leads hear the second one from it: a signal may reach them twice,
    # once from the supervisor, and once from who signals the whole group.
    _on_signals(drain.set if options.led else end)
    leader = Leader() if options.led else None
    async with queue, worker:
        reasons: list[asyncio.Task[Any]] = [
            asyncio.create_task(drain.wait()),
            asyncio.create_task(worker.wait()),
        ]
        if options.until_empty:
            reasons.append(asyncio.create_task(_empty(queue, options.queue_names)))
        if leader is not None:
            leader.follow(drain.set, worker.release)
        _say(f"working on {queue.url}, {len(queue.jobs)} kinds")
        await asyncio.wait(reasons, return_when=asyncio.FIRST_COMPLETED)
        drain.set()
        _say("draining")
        for task in reasons:
            task.cancel()
        for outcome in await asyncio.gather(*reasons, return_exceptions=True):
            if isinstance(outcome, Exception):
                raise outcome


async def _empty(queue: Queue, names: list[str] | None) -> None:
    """Until no job that this worker may take waits or runs; later ones don't count."""
    wanted: Sequence[str | None] = names or (None,)
    left = 1
    while left:
        await asyncio.sleep(_LOOK_WHETHER_EMPTY)
        left = 0
        for kind in tuple(queue.jobs):
            for name in wanted:
                counts = await queue.counts(queue=name, kind=kind)
                left += counts["queued"] + counts["running"]


def _say(text: str) -> None:
    # In one piece: workers that share an output would write into each other's lines.
    print(f"mizzen-queue: {text}\n", end="", flush=True)


def _on_signals(act: Callable[[], None]) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        with contextlib.suppress(NotImplementedError):  # Windows: Ctrl-C ends asyncio.run instead
            loop.add_signal_handler(number, act)
