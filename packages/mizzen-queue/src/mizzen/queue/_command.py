"""`mizzen-queue worker module:queue`: a worker as a process of its own."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import importlib
import logging
import os
import signal
import sys
from typing import TYPE_CHECKING

from ._errors import QueueError
from ._queue import as_queue

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ._queue import Queue


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; its exit status."""
    options = _parser().parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    try:
        queue = load(options.queue)
        asyncio.run(_work(queue, options))
    except (QueueError, ValueError) as exc:
        print(f"mizzen-queue: {exc}", file=sys.stderr)
        return 1
    return 0


def load(target: str) -> Queue:
    """The queue that *target* (`module:name`) names; the module defines its jobs."""
    module, _, name = target.partition(":")
    if not module or not name:
        raise QueueError(f"{target!r}: write module:queue, such as myapp.jobs:q")
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        value: object = importlib.import_module(module)
    except ModuleNotFoundError as exc:
        if exc.name is None or not f"{module}.".startswith(f"{exc.name}."):
            raise  # a module that it imports is missing: that needs the traceback
        raise QueueError(f"there is no module {module!r} here or on the Python path") from exc
    for part in name.split("."):
        if not hasattr(value, part):
            raise QueueError(f"{module} has no {name!r}")
        value = getattr(value, part)
    return as_queue(value)


async def _work(queue: Queue, options: argparse.Namespace) -> None:
    asked_to_stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        with contextlib.suppress(NotImplementedError):  # Windows: Ctrl-C ends asyncio.run instead
            loop.add_signal_handler(number, asked_to_stop.set)
    async with queue:
        worker = queue.worker(
            concurrency=options.concurrency, queues=options.queue_names, grace=options.grace
        )
        async with worker:
            print(f"mizzen-queue: working on {queue.url}, {len(queue.jobs)} kinds", flush=True)
            await asked_to_stop.wait()
            print("mizzen-queue: draining", flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="mizzen-queue", description="Durable background jobs in the database you have."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    worker = commands.add_parser("worker", help="run jobs until SIGTERM or Ctrl-C, then drain")
    worker.add_argument("queue", metavar="MODULE:QUEUE", help="such as myapp.jobs:q")
    worker.add_argument("--concurrency", type=int, default=10, metavar="N")
    worker.add_argument(
        "--queue", dest="queue_names", action="append", metavar="NAME", help="only this; repeatable"
    )
    worker.add_argument("--grace", default="4s", help="for running jobs when draining (4s)")
    return parser
