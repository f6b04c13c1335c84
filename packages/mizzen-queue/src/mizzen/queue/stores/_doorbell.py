"""A doorbell between the processes of one machine: a datagram for each one that waits for work.

It only saves time: whoever can't be rung, as a container with a /tmp of its own, polls.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import secrets
import socket
import stat
import tempfile
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_FRESH = 100_000_000  # ns; a directory that young may change again without another time stamp


class Doorbell:
    """Rings the others who use the file at *path*, and hears them once it is hung."""

    def __init__(self, path: str) -> None:
        digest = hashlib.sha256(os.path.realpath(path).encode()).hexdigest()[:16]
        self._home = os.path.join(tempfile.gettempdir(), f"mizzen-queue-{_user()}")
        self.folder: str = os.path.join(self._home, digest)
        self._mine: str | None = None
        self._ear: socket.socket | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._mouth: socket.socket | None = None
        self._others: tuple[str, ...] = ()
        self._listed_at = -1
        with contextlib.suppress(AttributeError, OSError):  # Windows has none of these
            self._mouth = _new_socket()

    def hang(self, heard: Callable[[], None]) -> None:
        """Call *heard* on the running loop whenever another process rings; idempotent."""
        if self._ear is not None or self._mouth is None:
            return
        try:
            for folder in (self._home, self.folder):
                os.makedirs(folder, mode=0o700, exist_ok=True)
                _require_own(folder)
            mine = os.path.join(self.folder, f"{os.getpid()}-{secrets.token_hex(4)}")
            ear = _new_socket()
            try:
                ear.bind(mine)
            except OSError:
                ear.close()
                raise
        except OSError:
            return
        self._mine, self._ear = mine, ear
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(ear, self._listen, ear, heard)

    def ring(self) -> None:
        """Tell the others; from any thread, and never waits."""
        if self._mouth is None:
            return
        for other in self._whom():
            try:
                self._mouth.sendto(b"", other)
            except ConnectionRefusedError:  # its process is dead
                with contextlib.suppress(OSError):
                    os.unlink(other)
            except OSError:
                continue  # has gone, or was rung so often that it will look anyway

    def close(self) -> None:
        """Take it down; idempotent."""
        if self._ear is not None and self._loop is not None and self._mine is not None:
            if not self._loop.is_closed():
                self._loop.remove_reader(self._ear)
            self._ear.close()
            self._ear = None
            with contextlib.suppress(OSError):
                os.unlink(self._mine)
                os.rmdir(self.folder)  # unless others listen there
        if self._mouth is not None:
            self._mouth.close()
            self._mouth = None

    def _whom(self) -> tuple[str, ...]:
        try:
            changed = os.stat(self.folder).st_mtime_ns
            if changed != self._listed_at:
                _require_own(self.folder)
                names = (os.path.join(self.folder, name) for name in os.listdir(self.folder))
                self._others = tuple(name for name in names if name != self._mine)
                self._listed_at = changed if time.time_ns() - changed > _FRESH else -1
        except OSError:
            self._others, self._listed_at = (), -1
        return self._others

    @staticmethod
    def _listen(ear: socket.socket, heard: Callable[[], None]) -> None:
        with contextlib.suppress(BlockingIOError):
            while True:
                ear.recv(1)
        heard()


def _new_socket() -> socket.socket:
    made = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    made.setblocking(False)
    return made


def _user() -> int:
    return os.getuid() if hasattr(os, "getuid") else 0


def _require_own(folder: str) -> None:
    # In a /tmp for all, somebody else may have made it first.
    found = os.lstat(folder)
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != _user() or found.st_mode & 0o077:
        raise PermissionError(f"{folder} is not ours alone")
