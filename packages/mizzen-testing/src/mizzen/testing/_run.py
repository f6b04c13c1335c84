"""One run of a child process: its output, its end, and the end of all that it started."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from typing import TYPE_CHECKING, TypeVar

from ._guard import guard

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

T = TypeVar("T")


class Run:
    """A child in a process group of its own, followed by two threads."""

    def __init__(self, argv: Sequence[str], cwd: str | None, env: Mapping[str, str]) -> None:
        self.output = ""
        self.code: int | None = None
        self._changed = threading.Condition()
        self._child = subprocess.Popen(  # noqa: S603
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=cwd,
            env=dict(env),
            start_new_session=True,
        )
        self.pid = self._child.pid
        guard.watch_process(self.pid, signal.SIGKILL)
        self._reader = threading.Thread(target=self._read, name="mizzen-output", daemon=True)
        self._reader.start()
        threading.Thread(target=self._follow, name="mizzen-child", daemon=True).start()

    def signal(self, number: signal.Signals) -> bool:
        """Send a signal to the child and what it started; False when it has ended."""
        with self._changed:  # the number stays the child's as long as nobody has reaped it
            if self.code is not None:
                return False
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, number)
            return True

    def pause(self) -> None:
        """Stop the child, and return once the kernel has stopped it."""
        if self.signal(signal.SIGSTOP) and hasattr(os, "waitid"):
            with contextlib.suppress(ChildProcessError):  # it ended just now
                os.waitid(os.P_PID, self.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)

    def wait_until(self, look: Callable[[Run], T | None], timeout: float) -> T | None:
        """Return what `look` finds, as soon as it does; None when it runs out of time."""
        deadline = time.monotonic() + timeout
        with self._changed:
            while (found := look(self)) is None:
                left = deadline - time.monotonic()
                if left <= 0:
                    return None
                self._changed.wait(left)
            return found

    def _read(self) -> None:
        import codecs

        decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        assert self._child.stdout is not None
        with self._child.stdout as pipe:
            while chunk := os.read(pipe.fileno(), 65536):
                with self._changed:
                    self.output += decode(chunk)
                    self._changed.notify_all()

    def _follow(self) -> None:
        """Wait for the end, take along what the child left behind, and only then reap it."""
        if hasattr(os, "waitid"):
            os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT)
        else:
            self._child.wait()
        with contextlib.suppress(OSError):
            os.killpg(self.pid, signal.SIGKILL)
        self._reader.join(timeout=5)
        with self._changed:
            self.code = self._child.wait()
            guard.forget(self.pid)
            self._changed.notify_all()
