"""The writer turnstile beside an SQLite file: writers of all processes pass one after another.

SQLite's own busy handler polls and lets the lucky pass; the kernel's queue on a lock file is first
come, first served. Every mizzen component that writes the same file passes here, by convention.
"""

from __future__ import annotations

import os
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from mizzen.auth._errors import StoreBusy

try:
    import fcntl
except ImportError:  # Windows: SQLite's busy timeout has to do
    fcntl = None  # type: ignore[assignment]

if TYPE_CHECKING:
    from collections.abc import Generator


class Lane:
    """Held around a write transaction, in the thread that runs it; never for longer."""

    def __init__(self, database: str, timeout: float) -> None:
        self._path = f"{database}.lane"
        self._timeout = timeout

    @contextmanager
    def held(self) -> Generator[None]:
        """Wait for the turn, at most `timeout` seconds."""
        if fcntl is None:
            yield
            return
        turn = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(turn, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(turn)
            turn = self._queue_up()
        try:
            yield
        finally:
            os.close(turn)  # closing the only descriptor of the lock passes the turn on

    def _queue_up(self) -> int:
        """Wait in the kernel's queue in a thread of its own: `flock` itself knows no timeout."""
        waiting = _Waiting(self._path)
        waiting.start()
        if (turn := waiting.take(self._timeout)) is None:
            raise StoreBusy(
                f"Another writer has held {self._path} for {self._timeout:g} s: try again, or look"
                " for a transaction that stays open"
            )
        return turn


class _Waiting(threading.Thread):
    def __init__(self, path: str) -> None:
        super().__init__(name="mizzen.auth lane", daemon=True)
        self._turn = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        self._has_turn = threading.Event()
        self._decided = threading.Lock()
        self._given_up = False

    def run(self) -> None:
        assert fcntl is not None  # noqa: S101
        fcntl.flock(self._turn, fcntl.LOCK_EX)
        with self._decided:
            if self._given_up:
                os.close(self._turn)
            self._has_turn.set()

    def take(self, timeout: float) -> int | None:
        """Return the locked descriptor, or None: then the thread lets go of it when it comes."""
        self._has_turn.wait(timeout)
        with self._decided:
            self._given_up = not self._has_turn.is_set()
        return None if self._given_up else self._turn
