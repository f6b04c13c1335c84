"""The writer turnstile of one SQLite file: processes queue for the write lock instead of colliding.

SQLite's own busy handler sleeps and retries, so a busy writer starves the others; an `flock` beside
the database wakes the next one. Held only for one write transaction, from the thread that makes it.
"""

from __future__ import annotations

import os
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from .._errors import TierUnavailable

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

_STEPS: Final = (0.0002, 0.0005, 0.001, 0.002, 0.005)  # seconds between tries; the last one repeats


class Lane:
    """The lock file `<database>.lane`; on Windows SQLite's busy timeout has to do."""

    def __init__(self, database: Path, patience: float) -> None:
        self._path = database.with_name(database.name + ".lane")
        self._patience = patience
        self._fd: int | None = None

    @contextmanager
    def hold(self) -> Generator[None]:
        """Hold the lane; raise TierUnavailable when it stays taken."""
        if sys.platform == "win32":
            yield
            return
        import fcntl

        if self._fd is None:
            self._fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        deadline, tries = time.monotonic() + self._patience, 0
        while True:
            try:
                fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise TierUnavailable(f"another writer keeps {self._path} locked") from None
                time.sleep(_STEPS[min(tries, len(_STEPS) - 1)])
                tries += 1
        try:
            yield
        finally:
            fcntl.flock(self._fd, fcntl.LOCK_UN)

    def close(self) -> None:
        """Let go of the lock file."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None
