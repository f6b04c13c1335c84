"""One child process of a worker, as the worker sees it; what runs inside is in `_child`."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
import time
from asyncio.subprocess import PIPE
from typing import TYPE_CHECKING, cast

from ._errors import BadResult, QueueError
from ._wire import Ended, Ready, Run, Stop, answers, line

if TYPE_CHECKING:
    from asyncio import StreamReader, StreamWriter
    from asyncio.subprocess import Process
    from collections.abc import Callable

    from ._records import Desk
    from ._wire import Answer

_IMPORT_WITHIN = 60.0
# For a job that is to end: to look at `cancelled`, or to clean up after its CancelledError.
_LAST_WORDS = 0.5
_END_WITHIN = 1.0
_LONGEST_LINE = 1 << 30

# Not `-m`: the child gets the whole path of this process before it imports anything of ours.
_CODE = (
    "import json, sys; sys.path[:] = json.loads(sys.argv.pop()); "
    "from mizzen.queue._child import main; main()"
)


class FailedInChild(Exception):
    """A job failed in its process: the text that the child sent, or what became of the child."""

    def __init__(self, text: str, final: bool = False) -> None:
        super().__init__(text)
        self.text = text
        self.final = final


class ChildProcess:
    """Started with its first job; used again when it `is_ready` after one."""

    def __init__(self) -> None:
        self.jobs = 0
        self.idle_since = 0.0
        self.is_ready = False
        self.is_outdated = False
        self._process: Process | None = None

    async def run(self, run: Run, desk: Desk, started: Callable[[], None]) -> str | None:
        """Run one job; its result as JSON."""
        self.is_ready = False
        self.jobs += 1
        process = self._process
        if process is None:
            process = self._process = await _start()
        conversation = asyncio.ensure_future(_converse(process, run, desk, started))
        try:
            ended = await asyncio.shield(conversation)
        except asyncio.CancelledError:
            await _stop(process, conversation)
            raise
        self.is_ready, self.idle_since = True, time.monotonic()
        if ended.kept_nothing:
            raise BadResult(ended.error)
        if ended.error is not None:
            raise FailedInChild(ended.error, ended.final)
        return ended.result

    @property
    def is_alive(self) -> bool:
        """False when it is known to have ended."""
        return self._process is not None and self._process.returncode is None

    async def kill(self) -> None:
        """End it now, with the processes that its job started."""
        process, self._process = self._process, None
        if process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                if sys.platform == "win32":
                    process.kill()
                else:
                    os.killpg(process.pid, signal.SIGKILL)
            await _ended(process)

    async def aclose(self) -> None:
        """End it when it has no job; kill it when it doesn't listen."""
        if self._process is not None:
            await _ended(self._process)
        await self.kill()


async def _start() -> Process:
    try:
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-c", _CODE, json.dumps(sys.path)),
            stdin=PIPE,
            stdout=PIPE,
            limit=_LONGEST_LINE,
            # So that Ctrl-C at a terminal is ours alone, and a kill reaches what the job started.
            start_new_session=True,
        )
    except OSError as exc:
        raise QueueError(f"no process could be started for the job: {exc}") from exc


async def _converse(process: Process, run: Run, desk: Desk, started: Callable[[], None]) -> Ended:
    _say(process, line(run))
    try:
        async with asyncio.timeout(_IMPORT_WITHIN):
            answer = await _answer(process)
    except TimeoutError:
        raise FailedInChild(
            f"Timeout: importing {run.address.module} took longer than {_IMPORT_WITHIN:g} s"
        ) from None
    while not isinstance(answer, Ended):
        if isinstance(answer, Ready):
            started()
        else:
            desk.progress = answer.progress
        answer = await _answer(process)
    return answer


async def _answer(process: Process) -> Answer:
    if text := await cast("StreamReader", process.stdout).readline():
        return answers.decode(text)
    await _ended(process)
    raise FailedInChild(f"ProcessDied: {_end_of(process)} before its job had ended")


def _say(process: Process, text: bytes) -> None:
    # A pipe that is closed shows when we listen.
    cast("StreamWriter", process.stdin).write(text)


async def _stop(process: Process, conversation: asyncio.Future[Ended]) -> None:
    """Tell the job that it is to end, and give it a moment."""
    _say(process, line(Stop()))
    try:
        await asyncio.wait((conversation,), timeout=_LAST_WORDS)
    finally:
        conversation.cancel()
        await asyncio.wait((conversation,))
        if not conversation.cancelled():
            conversation.exception()  # of no interest any more


async def _ended(process: Process) -> None:
    """Close its pipe, and wait for its end; not for ever."""
    cast("StreamWriter", process.stdin).close()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_END_WITHIN):
            await process.wait()


def _end_of(process: Process) -> str:
    code = process.returncode
    if code is None:
        return "the process closed its pipe"
    if code >= 0:
        return f"the process ended with exit status {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    hint = " (out of memory?)" if name == "SIGKILL" else ""
    return f"the process was killed by {name}{hint}"
