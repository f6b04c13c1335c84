"""Ctrl-C and SIGTERM, for programs that own their event loop."""

from __future__ import annotations

import asyncio
import signal
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable

SIGNALS = (signal.SIGINT, signal.SIGTERM)


@asynccontextmanager
async def until_signalled() -> AsyncGenerator[Callable[[], Awaitable[object]]]:
    """Run the block until SIGINT or SIGTERM cancels it, then go on after it; it gives what waits.

    What has to be closed is opened in the block, but on an `AsyncExitStack` around it: then no
    moment of the start is without its end. A second signal ends the process at once.
    """
    loop, arrived = asyncio.get_running_loop(), asyncio.Event()
    limit = asyncio.timeout(None)

    def let_go() -> None:
        for number in SIGNALS:
            loop.remove_signal_handler(number)

    def stop() -> None:
        let_go()
        for number in SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        arrived.set()
        limit.reschedule(loop.time())

    try:
        async with limit:
            for number in SIGNALS:
                loop.add_signal_handler(number, stop)
            try:
                yield arrived.wait
            finally:
                let_go()
    except TimeoutError:
        if not limit.expired():
            raise
