"""Steps: what a job has done once it doesn't do again, however often it is tried."""

from __future__ import annotations

import functools
import inspect
from typing import TYPE_CHECKING, Any

import msgspec

from ._errors import BadJob
from ._hints import returned, written

if TYPE_CHECKING:
    from collections.abc import Callable

    from ._ledger import Ledger


async def step(ledger: Ledger, name: str, call: functools.partial[Any]) -> Any:
    """What *call* gave the first time; a plain function runs in a thread."""
    ledger.take(name)
    try:
        memo = await ledger.read(name)
        if memo is None:
            memo = _memo(name, await _run(call))
            await ledger.keep(name, memo)
    except BaseException:
        ledger.give_back(name)
        raise
    return _result(call.func, memo)


def step_sync(ledger: Ledger, name: str, call: functools.partial[Any]) -> Any:
    """Do the same from a job's thread: a plain function runs right there."""
    other = "write `await job.step(…)` there"
    ledger.take(name)
    try:
        memo = ledger.wait(ledger.read(name), other)
        if memo is None:
            result = call()
            if inspect.isawaitable(result):
                result = ledger.wait(_awaited(result), other)
            memo = _memo(name, result)
            ledger.wait(ledger.keep(name, memo), other)
    except BaseException:
        ledger.give_back(name)
        raise
    return _result(call.func, memo)


async def _run(call: functools.partial[Any]) -> Any:
    if inspect.iscoroutinefunction(written(call.func)):
        return await call()
    from anyio import to_thread

    result, error = await to_thread.run_sync(
        functools.partial(_captured, call), abandon_on_cancel=True
    )
    if error is not None:
        raise error
    return await result if inspect.isawaitable(result) else result


def _captured(call: functools.partial[Any]) -> tuple[Any, BaseException | None]:
    # A future can't carry StopIteration.
    try:
        return call(), None
    except BaseException as exc:
        return None, exc


async def _awaited(value: Any) -> Any:
    return await value


def _memo(name: str, result: object) -> str:
    try:
        return msgspec.json.encode(result).decode()
    except (TypeError, ValueError, OverflowError, RecursionError, msgspec.MsgspecError) as exc:
        raise BadJob(
            f"step {name!r} ran, but its result can't be kept: {exc}; return something that JSON "
            "can carry"
        ) from exc


def _result(fn: Callable[..., Any], memo: str) -> Any:
    """*memo* in the type that *fn* says it returns, or as plain JSON when it doesn't fit."""
    try:
        return msgspec.json.decode(memo, type=returned(fn))
    except (TypeError, msgspec.MsgspecError):
        return msgspec.json.decode(memo)
