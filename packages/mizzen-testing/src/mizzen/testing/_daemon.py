"""One server process: started aside, watched until it is ready, stopped with all that it wrote."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from functools import partial
from typing import TYPE_CHECKING

from ._errors import ServerFailed
from ._folder import remove_folder
from ._guard import guard

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from ._account import Account

ATTEMPTS = 5  # another program can take a free port between our asking and the server's binding


class Daemon:
    """A server process with its own folder, in which its log lies too."""

    def __init__(
        self,
        name: str,
        folder: Path,
        account: Account | None = None,
        stop_signal: signal.Signals = signal.SIGKILL,  # what it would save is thrown away
    ) -> None:
        self.folder = folder
        self._name, self._account, self._stop_signal = name, account, stop_signal
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, argv: Sequence[str], ready: Callable[[], bool], timeout: float = 30) -> None:
        """Start the process and return when `ready()`; raise with its last words otherwise."""
        account = self._account
        with (self.folder / "log").open("wb") as log:
            self._process = subprocess.Popen(  # noqa: S603
                argv,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                env=plain_environment(),
                start_new_session=True,  # Ctrl-C is for the tests; they still need the server
                user=account.user if account else None,
                group=account.group if account else None,
                extra_groups=[] if account else None,
            )
        guard.watch_process(self._process.pid, self._stop_signal)
        deadline = time.monotonic() + timeout
        while not ready():
            if self._process.poll() is not None or time.monotonic() > deadline:
                ended = self._process.returncode
                said = self.last_words()
                self._end()
                what = f"took more than {timeout:g} s" if ended is None else f"ended ({ended})"
                raise ServerFailed(f"{self._name} {what} while starting. Its log ends so:\n{said}")
            time.sleep(0.002)

    def start_on_free_port(
        self, argv: Callable[[int], Sequence[str]], ready: Callable[[int], bool]
    ) -> int:
        """Start on a port that nobody has, and return it."""
        for attempt in range(ATTEMPTS):
            port = free_port()
            try:
                self.start(argv(port), partial(ready, port))
            except ServerFailed as error:
                if "in use" not in str(error).lower() or attempt + 1 == ATTEMPTS:
                    raise
            else:
                return port
        raise AssertionError  # pragma: no cover

    def last_words(self) -> str:
        """Return the end of the log."""
        log = (self.folder / "log").read_text(errors="replace").splitlines()
        return "\n".join(log[-15:])

    def stop(self) -> None:
        """End the process and remove its folder."""
        self._end()
        remove_folder(self.folder)

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(self._stop_signal)
        try:
            process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        guard.forget(process.pid)


def run_tool(
    argv: Sequence[str],
    account: Account | None = None,
    environment: Mapping[str, str] | None = None,
) -> str:
    """Run a tool that comes with a server, and return its words; raise with them too."""
    done = subprocess.run(  # noqa: S603
        argv,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd="/",
        env=plain_environment() | dict(environment or {}),
        timeout=120,
        text=True,
        errors="replace",
        check=False,
        user=account.user if account else None,
        group=account.group if account else None,
        extra_groups=[] if account else None,
    )
    if done.returncode:
        raise ServerFailed(f"{argv[0]} failed ({done.returncode}):\n{done.stdout.strip()}")
    return done.stdout.strip()


def plain_environment() -> dict[str, str]:
    """Return a short environment: a server must not follow the user's language and sort order."""
    kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ}
    return kept | {"LC_ALL": "C", "TZ": "UTC"}


def free_port() -> int:
    """Return a port of 127.0.0.1 that is free now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port
