"""Where a job's function runs: on the worker's loop, in a thread, or in a process of its own."""

from __future__ import annotations

import functools
import inspect
from typing import TYPE_CHECKING, Any, Literal

from ._children import Children
from ._errors import BadJob

if TYPE_CHECKING:
    from collections.abc import Callable

    from anyio import CapacityLimiter

    from ._attempt import Slot
    from ._job import JobFunction
    from .abc import Claimed

RunIn = Literal["async", "thread", "process"]


def place_of(kind: str, fn: Callable[..., Any], run: RunIn | None) -> RunIn:
    """Where *fn* runs, if it can run there; by default, where functions of its sort do."""
    is_async = inspect.iscoroutinefunction(fn)
    if run is None:
        return "async" if is_async else "thread"
    if run not in ("async", "thread", "process"):
        raise BadJob(f'job {kind!r}: run={run!r}; write "async", "thread" or "process"')
    if run == "async" and not is_async:
        raise BadJob(f"job {kind!r} is a plain function, and would stop the loop: make it async")
    if run == "thread" and is_async:
        raise BadJob(f"job {kind!r} is async: make it a plain function to run in a thread")
    return run


class Places:
    """A worker's threads and processes; *here* there are no processes, as tests want it."""

    def __init__(self, limiter: CapacityLimiter, *, here: bool = False) -> None:
        self._limiter, self._here = limiter, here
        self._children = Children()

    async def call(
        self, slot: Slot, claimed: Claimed, function: JobFunction[..., Any]
    ) -> str | None:
        """Call the job's function, wherever it is to run; its result as JSON."""
        if function.address is not None and not self._here:

            def started() -> None:
                # What the import takes isn't the job's time.
                slot.start_clock(function.timeout)

            slot.deadline = None
            defined = (function.address, function.fn)
            return await self._children.run(defined, claimed, slot.desk, started)
        arguments = function.arguments
        positional, named = arguments.decode(claimed.args)
        if function.is_async:
            return arguments.encode_result(await function.fn(*positional, **named))
        return arguments.encode_result(await self._in_thread(function.fn, positional, named))

    async def _in_thread(
        self, fn: Callable[..., Any], positional: list[object], named: dict[str, object]
    ) -> object:
        from anyio import to_thread

        # A thread can't be stopped: past its timeout the job counts as failed, and it runs on.
        result, error = await to_thread.run_sync(
            functools.partial(_captured, fn, positional, named),
            limiter=self._limiter,
            abandon_on_cancel=True,
        )
        if error is not None:
            raise error
        return result

    async def aclose(self) -> None:
        """End the processes."""
        await self._children.aclose()


def _captured(
    fn: Callable[..., object], positional: list[object], named: dict[str, object]
) -> tuple[object, BaseException | None]:
    # A future can't carry StopIteration, and GeneratorExit would close the runner it wakes.
    try:
        return fn(*positional, **named), None
    except BaseException as exc:
        return None, exc
