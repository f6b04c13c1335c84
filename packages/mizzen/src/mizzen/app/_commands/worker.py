"""`mizzen worker module:app`: run the app's jobs until Ctrl-C or SIGTERM, then drain."""

from __future__ import annotations

import asyncio

from .._locate import locate
from .._signals import stop_signals
from ..cli import parser


def run(arguments: list[str]) -> int:
    """Work."""
    options = parser("worker")
    options.add_argument("--concurrency", type=int, default=10, help="jobs at a time (default: 10)")
    chosen = options.parse_args(arguments)
    app = locate(chosen.app)

    async def work() -> None:
        app.use(worker=app.queue.worker(concurrency=chosen.concurrency))
        with stop_signals() as signalled:
            await app.start()
            print(f"working on {app.queue!r}", flush=True)
            await signalled()
        await app.aclose()

    asyncio.run(work())
    return 0
