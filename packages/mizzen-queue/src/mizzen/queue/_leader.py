"""The supervisor, as the worker that it started sees it: a socket in the place of stdin."""

from __future__ import annotations

import asyncio
import os
import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

WORKING, DRAIN, RELEASE = b"w", b"d", b"r"


class Leader:
    """Says when to drain and when to let go; its end says to drain, too."""

    def __init__(self) -> None:
        self._socket = socket.socket(fileno=os.dup(0))
        self._socket.setblocking(False)
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, 0)
        os.close(null)

    def follow(self, drain: Callable[[], None], release: Callable[[], None]) -> None:
        """Tell it that this worker works, and do from now on what it says."""
        loop = asyncio.get_running_loop()

        def listen() -> None:
            try:
                words = self._socket.recv(64)
            except OSError:
                words = b""
            drain()
            if RELEASE in words:
                release()
            if not words:
                loop.remove_reader(self._socket)

        try:
            self._socket.send(WORKING)
        except OSError:
            drain()
        else:
            loop.add_reader(self._socket, listen)
