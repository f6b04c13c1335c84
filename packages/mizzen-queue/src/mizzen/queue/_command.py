"""`mizzen-queue worker module:queue`, and what operators ask of a queue."""

from __future__ import annotations

import argparse
import asyncio
import importlib
import logging
import os
import sys
from typing import TYPE_CHECKING

from ._errors import QueueError
from ._operate import operate
from ._queue import Queue, as_queue
from ._serve import serve
from ._supervisor import supervise

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; its exit status."""
    given = sys.argv[1:] if argv is None else list(argv)
    options = _parser().parse_args(given)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    try:
        if options.command != "worker":
            return asyncio.run(operate(_queue_at(options.target), options))
        if options.processes is None or options.led:
            asyncio.run(serve(load(options.target), options))
            return 0
        return asyncio.run(supervise(given, options.processes, options.until_empty))
    except (QueueError, ValueError) as exc:
        print(f"mizzen-queue: {exc}", file=sys.stderr)
        return 1


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


def _queue_at(target: str) -> Queue:
    return Queue(target) if "://" in target else load(target)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="mizzen-queue", description="Durable background jobs in the database you have."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND", dest="command")
    worker = commands.add_parser(
        "worker",
        help="run jobs until SIGTERM or Ctrl-C, then drain; a second one lets go of running jobs",
    )
    worker.add_argument("target", metavar="MODULE:QUEUE", help="such as myapp.jobs:q")
    worker.add_argument("--concurrency", type=int, default=10, metavar="N")
    worker.add_argument(
        "--queue", dest="queue_names", action="append", metavar="NAME", help="only this; repeatable"
    )
    worker.add_argument("--grace", default="4s", help="for running jobs when draining (4s)")
    worker.add_argument(
        "--processes", type=int, metavar="N", help="so many workers, started again when they end"
    )
    worker.add_argument(
        "--until-empty", action="store_true", help="end when no job waits or runs any more"
    )
    worker.add_argument("--led", action="store_true", help=argparse.SUPPRESS)
    for name, argument, about in (
        ("counts", None, "how many jobs there are, by status"),
        ("pause", "queue", "let no worker take jobs of a queue"),
        ("resume", "queue", "let workers take them again"),
        ("retry", "id", "queue a dead or cancelled job again"),
        ("cancel", "id", "take a job back, or stop it where it runs"),
    ):
        command = commands.add_parser(name, help=about)
        command.add_argument("target", metavar="MODULE:QUEUE", help="or the database's URL")
        if argument is not None:
            kind = int if argument == "id" else str
            command.add_argument(argument, metavar=argument.upper(), type=kind)
    return parser
