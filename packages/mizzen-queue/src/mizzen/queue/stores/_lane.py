"""The turnstile that every SQLite writer of an application takes before BEGIN IMMEDIATE.

SQLite's own busy handler sleeps and guesses: beside a saturated worker the p99 of an enqueue was
332 ms, with this file lock 3.8 ms. The lock is on `<database>.lane`, never on the database itself,
whose POSIX locks would vanish when a second descriptor is closed.

Where the system has a second kind of lock on the same file, whoever waits holds that one: so one
who comes straight back, as a busy worker does, stands behind those who wait.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import struct
import time
from typing import TYPE_CHECKING, Any

from .._errors import StoreBusy

if TYPE_CHECKING:
    from collections.abc import Callable

fcntl: Any = None
with contextlib.suppress(ImportError):  # Windows: SQLite's own busy timeout has to do
    fcntl = importlib.import_module("fcntl")

_PAUSE = 0.0003
_OFD_SETLK: int | None = getattr(fcntl, "F_OFD_SETLK", None)  # Linux
_WHOLE_FILE = struct.Struct("hhqqi")  # as struct flock begins: type, whence, start, length, pid


class Lane:
    """Held by one thread at a time, for the length of one write transaction."""

    def __init__(self, database: str, timeout: float) -> None:
        self._path = f"{database}.lane"
        self.timeout = timeout
        self.contended_at: float = float("-inf")
        """When somebody was last found waiting, or writing, by `time.monotonic()`."""
        self._fd: int | None = None

    def enter(self) -> None:
        """Take the turnstile; StoreBusy when someone holds it for longer than the timeout."""
        if fcntl is None:
            return
        if self._fd is None:
            self._fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        # Polled, because a blocking flock knows no timeout, and its holder may be stopped.
        deadline = time.monotonic() + self.timeout
        self._poll(_stand_in_line, self._fd, deadline)
        try:
            self._poll(_lock, self._fd, deadline)
        finally:
            _step_out_of_line(self._fd)

    def leave(self) -> None:
        """Let the next one in."""
        if fcntl is not None and self._fd is not None:
            fcntl.flock(self._fd, fcntl.LOCK_UN)

    def close(self) -> None:
        """Give the descriptor back."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def _poll(self, attempt: Callable[[int], None], fd: int, deadline: float) -> None:
        while True:
            try:
                return attempt(fd)
            except BlockingIOError:
                self.contended_at = time.monotonic()
            if self.contended_at > deadline:
                raise StoreBusy(
                    f"another writer has held {self._path} for {self.timeout:g} s; if that is "
                    "a transaction of your own around this call, pass it on with tx="
                )
            time.sleep(_PAUSE)


def _lock(fd: int) -> None:
    fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _stand_in_line(fd: int) -> None:
    if _OFD_SETLK is not None:
        fcntl.fcntl(fd, _OFD_SETLK, _WHOLE_FILE.pack(fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0))


def _step_out_of_line(fd: int) -> None:
    if _OFD_SETLK is not None:
        fcntl.fcntl(fd, _OFD_SETLK, _WHOLE_FILE.pack(fcntl.F_UNLCK, os.SEEK_SET, 0, 0, 0))
