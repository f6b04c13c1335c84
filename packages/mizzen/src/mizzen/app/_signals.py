"""Ctrl-C and SIGTERM, for programs that own their event loop."""

from __future__ import annotations

import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING

import anyio

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator


@contextmanager
def stop_signals() -> Generator[Callable[[], Awaitable[None]]]:
    """Take SIGINT and SIGTERM inside the block; await what it gives until one has come.

    Open it before the start: a signal that comes in the middle of it then leads to a clean stop
    after it. Once the block is left, a second signal ends the process as usual.
    """
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:

        async def arrived() -> None:
            async for _ in signals:
                return

        yield arrived
