"""The output folder: one writer at a time, whole files only, clear words when it fails."""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import sys
import time
from typing import TYPE_CHECKING

from ._errors import BuildBusy, BuildStopped, OutputError

if TYPE_CHECKING:
    import threading
    from collections.abc import Generator, Iterable
    from pathlib import Path

PRIVATE = ".mizzen"
_numbers = itertools.count()


class Output:
    """A folder whose files appear complete or not at all."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.private = folder / PRIVATE

    def read(self, name: str) -> bytes | None:
        """Return a file's bytes, or None when it is not there or cannot be read."""
        try:
            return (self.folder / name).read_bytes()
        except OSError:
            return None

    def write(self, name: str, body: bytes, durable: bool = False) -> None:
        """Put a whole file in place; *durable* waits until the disk has it."""
        target = self.folder / name
        temporary = self.private / "tmp" / f"{os.getpid()}-{next(_numbers)}"
        with self.clear_errors(name):
            temporary.parent.mkdir(parents=True, exist_ok=True)
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                with open(temporary, "wb") as file:
                    file.write(body)
                    if durable:
                        file.flush()
                        os.fsync(file.fileno())
                os.replace(temporary, target)
            except BaseException:
                with contextlib.suppress(OSError):
                    temporary.unlink()
                raise

    def remove(self, names: Iterable[str]) -> None:
        """Delete files, and the folders that are empty then; what resists stays."""
        for name in names:
            path = self.folder / name
            with contextlib.suppress(OSError):
                path.unlink()
            for parent in path.parents:
                if parent == self.folder or self.folder not in parent.parents:
                    break
                with contextlib.suppress(OSError):
                    parent.rmdir()

    @contextlib.contextmanager
    def alone(self, timeout: float, stop: threading.Event) -> Generator[None]:
        """Hold the folder against other builders, in this process and in others."""
        with self.clear_errors("the lock"):
            self.private.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self.private / "lock", os.O_RDWR | os.O_CREAT, 0o666)
        try:
            self._wait(descriptor, timeout, stop)
            self._sweep()
            yield
        finally:
            os.close(descriptor)

    @contextlib.contextmanager
    def clear_errors(self, name: str) -> Generator[None]:
        """Turn an OSError into a sentence that says what to do."""
        try:
            yield
        except OSError as error:
            raise OutputError(self._sentence(name, error)) from error

    def _wait(self, descriptor: int, timeout: float, stop: threading.Event) -> None:
        if sys.platform == "win32":
            return  # two builders at once then repeat each other's work; files stay whole
        import fcntl

        deadline = time.monotonic() + timeout
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise BuildBusy(
                        f"another build has held {self.folder} for {timeout:g} s; "
                        "wait for it to end, or end it"
                    ) from None
                if stop.wait(0.02):
                    raise BuildStopped(f"stopped while waiting for {self.folder}") from None
            else:
                return

    def _sweep(self) -> None:
        """Remove what a killed builder left half written."""
        with contextlib.suppress(OSError):
            for left in (self.private / "tmp").iterdir():
                with contextlib.suppress(OSError):
                    left.unlink()

    def _sentence(self, name: str, error: OSError) -> str:
        still = "the previous build is untouched"
        match error.errno:
            case errno.ENOSPC | errno.EDQUOT:
                return f"no space is left for {name} in {self.folder}; free some ({still})"
            case errno.EROFS:
                return f"{self.folder} is on a read-only file system; build elsewhere ({still})"
            case errno.EACCES | errno.EPERM:
                return f"{self.folder} may not be written; correct its permissions ({still})"
            case errno.ENOTDIR | errno.EEXIST:
                return f"a file is where the folder {self.folder} should be; move it away"
            case _:
                return f"{name} cannot be written to {self.folder}: {error.strerror} ({still})"
