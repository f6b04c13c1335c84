"""Nothing outlives the run: what was started ends with this process, however this process ends.

`PR_SET_PDEATHSIG` is bound to the thread that started the child and exists on Linux only. A pipe to
a small guard process works for any thread and any POSIX system, sees a SIGKILL too (the kernel
closes the pipe), and can also remove the folders that a killed process leaves behind.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

PROGRAM = Path(__file__).with_name("_guard_main.py")


class Guard:
    """Remembers what must end with this process, and tells the guard process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._watched: dict[int | str, dict[str, int | str]] = {}
        self._child: subprocess.Popen[bytes] | None = None
        self._owner = 0

    def watch_process(self, group: int, stop_signal: int) -> None:
        """End a process group, first with this signal and after 3 s with SIGKILL."""
        self._watch(group, {"process": group, "signal": stop_signal})

    def watch_folder(self, folder: Path) -> None:
        """Remove a folder with all it holds."""
        self._watch(str(folder), {"folder": str(folder)})

    def forget(self, watched: int | Path) -> None:
        """It is gone already; its number may belong to somebody else soon."""
        key = watched if isinstance(watched, int) else str(watched)
        with self._lock:
            if self._owner == os.getpid() and self._watched.pop(key, None) is not None:
                self._send({"forget": key})

    def _watch(self, key: int | str, message: dict[str, int | str]) -> None:
        with self._lock:
            if self._owner != os.getpid():  # a fork must not clean up what its parent started
                self._child, self._watched, self._owner = None, {}, os.getpid()
                atexit.register(self._end)
                end_with_the_controller()
            self._watched[key] = message
            self._send(message)

    def _send(self, message: dict[str, int | str]) -> None:
        if self._child is not None and self._child.poll() is None:
            with contextlib.suppress(BrokenPipeError):
                self._write(self._child, [message])
                return
        self._child = self._spawn()
        self._write(self._child, list(self._watched.values()))

    def _spawn(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(  # noqa: S603
            [sys.executable, "-I", "-S", str(PROGRAM), str(os.getpid())],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            start_new_session=True,  # Ctrl-C in a terminal is for the run, not for its guard
        )

    def _write(self, child: subprocess.Popen[bytes], messages: list[dict[str, int | str]]) -> None:
        assert child.stdin is not None
        child.stdin.write(b"".join(json.dumps(message).encode() + b"\n" for message in messages))
        child.stdin.flush()

    def _end(self) -> None:
        child, self._child = self._child, None
        if child is None or self._owner != os.getpid():
            return
        with contextlib.suppress(OSError, subprocess.TimeoutExpired):
            child.communicate(timeout=10)


def end_with_the_controller() -> None:
    """Let a worker of pytest-xdist end with the process that started it.

    execnet notices too, but leaves a busy worker, and so its servers, 5 to 15 s more.
    """
    controller = os.getppid()

    def follow() -> None:
        while os.getppid() == controller:
            time.sleep(0.5)
        os.kill(os.getpid(), signal.SIGINT)  # what the test has open is torn down as usual

    if "PYTEST_XDIST_WORKER" in os.environ:
        threading.Thread(target=follow, name="mizzen-controller", daemon=True).start()


guard = Guard()
