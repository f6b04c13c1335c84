"""A program to be watched, killed, paused and started again by a test."""

from __future__ import annotations

import os
import re
import signal
import sys
from pathlib import Path
from textwrap import shorten
from typing import TYPE_CHECKING, Self, overload

from ._errors import ProcessEnded, TestingError, WaitTimeout
from ._run import Run
from ._units import Duration, Size, seconds, size

if TYPE_CHECKING:
    from collections.abc import Mapping
    from os import PathLike

LIMITS = Path(__file__).with_name("_limits_main.py")
TOLD = 2000  # characters of output in an error message


class Process:
    """A child process that ends with the block, the test, and this process, whatever happens.

    `Process("worker.py")`, `Process("-m", "package.worker")` and `Process("-c", code)` run in this
    Python, unbuffered; `Process("/bin/cat", "file")` runs any program. `env` is added to our own
    environment. With `max_file_size`, a write that makes a file longer fails with `EFBIG`, the
    portable cousin of a full disk.
    """

    def __init__(
        self,
        program: str | PathLike[str],
        *arguments: str | PathLike[str],
        cwd: str | PathLike[str] | None = None,
        env: Mapping[str, str] | None = None,
        max_file_size: Size | None = None,
    ) -> None:
        argv = [os.fspath(word) for word in (program, *arguments)]
        self._name = shorten(" ".join(Path(word).name for word in argv), 60, placeholder=" …")
        if argv[0].startswith("-") or argv[0].endswith(".py"):
            argv = [sys.executable, *argv]
        if max_file_size is not None:
            argv = [sys.executable, "-I", "-S", str(LIMITS), str(size(max_file_size)), *argv]
        self._argv = argv
        self._cwd = None if cwd is None else os.fspath(cwd)
        self._env = dict(env or {})
        self._run: Run | None = None

    @property
    def pid(self) -> int:
        """The process id of the latest run."""
        return self._latest().pid

    @property
    def output(self) -> str:
        """What the latest run has printed so far, standard error included."""
        return self._latest().output

    @property
    def returncode(self) -> int | None:
        """How the latest run ended: its exit code, minus the signal that ended it, or None."""
        return self._latest().code

    @property
    def running(self) -> bool:
        """Whether it has been started and has not ended; a paused one is running."""
        return self._run is not None and self._run.code is None

    def start(self) -> Self:
        """Start it, unless it is running."""
        if not self.running:
            env = {**os.environ, "PYTHONUNBUFFERED": "1", **self._env}
            self._run = Run(self._argv, self._cwd, env)
        return self

    @overload
    async def wait_for(self, text: str, timeout: Duration = 10) -> str: ...  # noqa: ASYNC109
    @overload
    async def wait_for(
        self,
        text: re.Pattern[str],
        timeout: Duration = 10,  # noqa: ASYNC109
    ) -> re.Match[str]: ...
    async def wait_for(
        self,
        text: str | re.Pattern[str],
        timeout: Duration = 10,  # noqa: ASYNC109
    ) -> str | re.Match[str]:
        """Wait for a line of the latest run that holds this; return the line, or the match.

        What was printed before the call counts too. Raises ProcessEnded when it ends first, and
        WaitTimeout; both show the end of the output. A plain test calls
        `anyio.run(process.wait_for, text)`.
        """
        from anyio.to_thread import run_sync

        run = self._latest()
        pattern = text if isinstance(text, re.Pattern) else re.compile(f".*{re.escape(text)}.*")

        def look(run: Run) -> re.Match[str] | bool | None:
            if run.code is not None:
                return pattern.search(run.output) or False
            # Unbuffered Python writes one line in several pieces; half a number is no port.
            return pattern.search(run.output[: run.output.rfind("\n") + 1])

        patience = seconds(timeout)
        found = await run_sync(run.wait_until, look, patience, abandon_on_cancel=True)
        if isinstance(found, re.Match):
            return found[0] if isinstance(text, str) else found
        raise self._silence(f"print {pattern.pattern if pattern is text else text!r}", patience)

    async def wait(self, timeout: Duration = 10) -> int:  # noqa: ASYNC109
        """Wait until the latest run has ended, and return its exit code."""
        from anyio.to_thread import run_sync

        patience = seconds(timeout)
        run = self._latest()
        code = await run_sync(run.wait_until, exit_code, patience, abandon_on_cancel=True)
        if code is None:
            raise self._silence("end", patience)
        return code

    def terminate(self) -> None:
        """Ask it to end, with SIGTERM."""
        self.send_signal(signal.SIGTERM)

    def send_signal(self, number: signal.Signals) -> None:
        """Send any signal; nothing happens when it has ended."""
        self._latest().signal(number)

    def pause(self) -> None:
        """Freeze it with SIGSTOP: alive, holding its locks and leases, doing nothing."""
        self._latest().pause()

    def resume(self) -> None:
        """Let a paused process go on."""
        self.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """End it with SIGKILL, and all that it started; it is gone when this returns."""
        if self._run is not None and self._run.signal(signal.SIGKILL):
            self._run.wait_until(exit_code, timeout=10)

    def restart(self) -> Self:
        """Kill it if it still runs, and start it again, with an empty output."""
        self.kill()
        return self.start()

    def close(self) -> None:
        """Kill it; may be called twice."""
        self.kill()

    def _latest(self) -> Run:
        if self._run is None:
            raise TestingError(f"{self._name} has not been started; use `with`, or `start()`.")
        return self._run

    def _silence(self, wish: str, patience: float) -> TestingError:
        run = self._latest()
        said = f"Its output ends so:\n{run.output[-TOLD:]}" if run.output else "It printed nothing."
        if run.code is not None:
            return ProcessEnded(f"{self._name} ended ({run.code}) and did not {wish}. {said}")
        return WaitTimeout(f"{self._name} did not {wish} within {patience:g} s. {said}")

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self.start()

    async def __aexit__(self, *exc_info: object) -> None:
        self.close()

    def __repr__(self) -> str:
        run = self._run
        if run is None:
            state = "not started"
        else:
            state = f"runs as {run.pid}" if run.code is None else f"ended ({run.code})"
        return f"<mizzen.testing.Process {self._name}: {state}>"


def exit_code(run: Run) -> int | None:
    """Look whether a run has ended."""
    return run.code
