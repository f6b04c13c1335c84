"""`mizzen worker module:app`: run the app's jobs until Ctrl-C or SIGTERM, then drain."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

from .._locate import locate
from .._signals import until_signalled
from ..cli import parser


def run(arguments: list[str]) -> int:
    """Work."""
    options = parser("worker")
    options.add_argument("--concurrency", type=int, default=10, help="jobs at a time (default: 10)")
    chosen = options.parse_args(arguments)
    app = locate(chosen.app)

    async def work() -> None:
        grace = app.settings.app.stop_within / 2
        app.use(worker=app.queue.worker(concurrency=chosen.concurrency, grace=grace))
        async with AsyncExitStack() as opened, until_signalled() as signalled:
            await opened.enter_async_context(app)
            print(f"working on {app.queue!r}", flush=True)
            await signalled()

    asyncio.run(work())
    return 0
