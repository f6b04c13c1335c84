"""Ctrl-C and SIGTERM, for programs that own their event loop."""

from __future__ import annotations

import signal

import anyio


async def until_signalled() -> None:
    """Wait for SIGINT or SIGTERM; meanwhile neither ends the process by itself."""
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async for _ in signals:
            return
