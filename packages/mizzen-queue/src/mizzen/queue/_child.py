"""A child process of a worker: runs one job after the other, as its pipe says."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import os
import queue
import signal
import sys
import threading
import time
from typing import TYPE_CHECKING, Any, cast

from ._address import Address, load
from ._arguments import Arguments
from ._context import begin, running
from ._errors import BadArguments, BadJob, BadResult, GiveUp
from ._failure import told
from ._job import JobFunction
from ._records import Desk
from ._wire import Ended, Ready, Run, Told, line, requests

if TYPE_CHECKING:
    from collections.abc import Callable

    from ._wire import Answer, Request

_TELL_EVERY = 0.1
# After the last job: for what runs at the end of an interpreter.
_LAST_MOMENT = 2.0


def main() -> None:
    """Serve until the pipe ends; without its worker a child has nothing to do."""
    orders, answers = _take_pipes()
    for number in (signal.SIGINT, signal.SIGTERM):
        # Ctrl-C and service managers signal the whole group; the worker says when to end. Not
        # SIG_IGN, which programs that a job starts would inherit.
        signal.signal(number, _stay)
    child = Child(answers)
    threading.Thread(target=child.listen, args=(orders,), daemon=True).start()
    child.serve()


def _stay(_number: int, _frame: object) -> None:
    """Go on."""


def _take_pipes() -> tuple[int, int]:
    """Our pipes under numbers that nobody else uses; what the job prints goes to stderr."""
    orders, answers = os.dup(0), os.dup(1)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    os.dup2(2, 1)
    cast("Any", sys.stdout).reconfigure(line_buffering=True)
    return orders, answers


class Child:
    """The main thread runs the jobs; another one listens, and a third tells how far they are."""

    def __init__(self, answers: int) -> None:
        self._answers = answers
        self._writing = threading.Lock()
        self._orders: queue.SimpleQueue[Run | None] = queue.SimpleQueue()
        self._functions: dict[Address, tuple[Callable[..., Any], Arguments]] = {}
        self._desk: Desk | None = None
        self._task: tuple[asyncio.AbstractEventLoop, asyncio.Task[object]] | None = None

    def listen(self, orders: int) -> None:
        """Take orders, also while a job runs; end with the pipe."""
        try:
            with os.fdopen(orders, "rb") as pipe:
                for order in pipe:
                    self._take(requests.decode(order))
            if self._desk is None:
                self._orders.put(None)
                time.sleep(_LAST_MOMENT)
        finally:
            # With a job at hand, the worker is gone, and somebody else will run it.
            _end_now()

    def _take(self, order: Request) -> None:
        if isinstance(order, Run):
            self._desk = Desk()
            self._orders.put(order)
        else:
            self._stop()

    def _stop(self) -> None:
        if self._desk is not None:
            self._desk.cancelled = True
        if self._task is not None:
            loop, task = self._task
            with contextlib.suppress(RuntimeError):  # it has just ended
                loop.call_soon_threadsafe(task.cancel)

    def serve(self) -> None:
        """Run jobs, here in the main thread."""
        while (run := self._orders.get()) is not None:
            desk = self._desk or Desk()
            ended = threading.Event()
            teller = threading.Thread(target=self._tell, args=(desk, ended), daemon=True)
            teller.start()
            answer = self._run(run, desk)
            ended.set()
            teller.join()
            sys.stdout.flush()
            self._desk = None
            self._say(answer)

    def _run(self, run: Run, desk: Desk) -> Ended:
        outer = running.set(begin(run.job, desk))
        try:
            fn, arguments = self._function(run.address, run.job.kind)
            self._say(Ready())
            positional, named = arguments.decode(run.job.args)
            result = fn(*positional, **named)
            if inspect.iscoroutine(result):
                result = asyncio.run(self._awaited(result))
            return Ended(result=arguments.encode_result(result))
        except BadResult as exc:
            return Ended(error=str(exc), kept_nothing=True)
        except BaseException as exc:
            final = isinstance(exc, (BadArguments, BadJob, GiveUp))
            return Ended(error=told(exc, own_frames=1), final=final)
        finally:
            running.reset(outer)

    def _function(self, address: Address, kind: str) -> tuple[Callable[..., Any], Arguments]:
        if address not in self._functions:
            found: Any = load(address)
            fn: Any = found.fn if isinstance(found, JobFunction) else found
            if not callable(fn):
                raise BadJob(f"{address.module}.{address.name} is no function, but {fn!r}")
            self._functions[address] = (fn, Arguments(kind, fn))
        return self._functions[address]

    async def _awaited(self, coroutine: Any) -> object:
        task = asyncio.current_task()
        if task is not None:
            self._task = asyncio.get_running_loop(), task
        try:
            return await coroutine
        finally:
            self._task = None

    def _tell(self, desk: Desk, ended: threading.Event) -> None:
        """Pass on the job's progress; by looking at it, so that telling it stays cheap."""
        last = False
        while not last:
            last = ended.wait(_TELL_EVERY)
            progress, desk.progress = desk.progress, None
            if progress is not None:
                self._say(Told(progress))

    def _say(self, answer: Answer) -> None:
        left = memoryview(line(answer))
        with self._writing:
            while left:
                left = left[os.write(self._answers, left) :]


def _end_now() -> None:
    """End this process, with those that its job started."""
    if sys.platform != "win32" and os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os._exit(1)
