"""Run a compiler as a child: bounded in time, ended on request, its crash told in words."""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from typing import TYPE_CHECKING

from .._errors import BuildStopped, ToolFailed, ToolMissing

if TYPE_CHECKING:
    import threading
    from collections.abc import Sequence

# What a compiler may learn of the environment: enough to start, too little to differ
# between two machines (a home folder holds settings that would).
PASSED_ON = ("PATH", "TMPDIR", "TEMP", "TMP", "SYSTEMROOT", "LD_LIBRARY_PATH")


def environment(**more: str) -> dict[str, str]:
    """Return the small environment that compilers run in."""
    return {name: os.environ[name] for name in PASSED_ON if name in os.environ} | more


def launch(tool: str, command: Sequence[str], cwd: str, env: dict[str, str]) -> Child:
    """Start *command* with pipes; raises ToolMissing when it cannot be started at all."""
    try:
        return subprocess.Popen(  # noqa: S603  (a compiler of ours)
            command,
            cwd=cwd,
            env=env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
    except OSError as error:
        raise ToolMissing(
            f"{tool} could not be started from {command[0]}: {error.strerror}; reinstall it"
        ) from error


def exchange(
    tool: str, child: Child, question: bytes, about: str, timeout: float, stop: threading.Event
) -> bytes:
    """Send *question*, return the whole answer; the child has ended either way."""
    deadline = time.monotonic() + timeout
    pending: bytes | None = question
    try:
        while True:
            if stop.is_set():
                raise BuildStopped(f"the build was stopped while {tool} compiled {about}")
            if time.monotonic() > deadline:
                raise hung(tool, about, timeout)
            try:
                out, err = child.communicate(pending, timeout=0.1)
            except subprocess.TimeoutExpired:
                pending = None
                continue
            if child.returncode != 0:
                raise crashed(tool, about, child.returncode, err)
            return out
    finally:
        end(child)


def end(child: Child) -> None:
    """Kill the child if it still runs, and release its pipes."""
    with contextlib.suppress(OSError):
        child.kill()
    child.wait()
    for pipe in (child.stdin, child.stdout, child.stderr):
        if pipe is not None:
            with contextlib.suppress(OSError):
                pipe.close()


def hung(tool: str, about: str, timeout: float) -> ToolFailed:
    """Return the error for a compiler that did not answer in time."""
    return ToolFailed(
        f"{tool} did not finish {about} within {timeout:g} s and was ended; "
        "look for an endless loop there, or raise `timeout=`"
    )


def crashed(tool: str, about: str, code: int | None, err: bytes) -> ToolFailed:
    """Return the error for a compiler that ended without an answer."""
    how = f"by signal {-code}" if code is not None and code < 0 else f"with status {code}"
    words = err.decode(errors="replace").strip()[-500:]
    return ToolFailed(
        f"{tool} ended {how} while compiling {about}" + (f": {words}" if words else "")
    )


if TYPE_CHECKING:
    Child = subprocess.Popen[bytes]
