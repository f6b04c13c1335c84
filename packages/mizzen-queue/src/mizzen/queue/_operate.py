"""What operators ask of a queue from the command line."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

    from ._queue import Queue


async def operate(queue: Queue, options: argparse.Namespace) -> int:
    """Do what `options.command` says; the exit status is 1 when it could not be done."""
    async with queue:
        if options.command == "counts":
            for status, count in (await queue.counts()).items():
                print(f"{status:<10}{count:>10,}")
            if paused := await queue.paused():
                print("paused:", ", ".join(paused))
        elif options.command == "pause":
            await queue.pause(options.queue)
            print(f"{options.queue} is paused: its jobs wait")
        elif options.command == "resume":
            await queue.resume(options.queue)
            print(f"{options.queue} goes on")
        elif options.command == "retry":
            if not await queue.retry(options.id):
                return _refuse(f"job {options.id} is neither dead nor cancelled")
            print(f"job {options.id} is queued again")
        else:
            if not await queue.cancel(options.id):
                return _refuse(f"job {options.id} has ended, or is unknown")
            print(f"job {options.id} is cancelled")
    return 0


def _refuse(text: str) -> int:
    print(f"mizzen-queue: {text}", file=sys.stderr)
    return 1
