"""An async context manager as a plain one: a task in the loop holds it open for a thread's block.

One task enters and leaves, as timeouts and context variables demand. What entering changed in the
context (the ambient transaction, say) is remembered for this thread, and every call that it makes
inside the block begins with it.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from contextvars import ContextVar, copy_context
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping
    from contextlib import AbstractAsyncContextManager
    from contextvars import Token
    from types import TracebackType

T = TypeVar("T")

Changes = dict[ContextVar[Any], Any]

_NOTHING: Mapping[object, Changes] = MappingProxyType({})
_inside: ContextVar[Mapping[object, Changes]] = ContextVar("mizzen_orm_blocks", default=_NOTHING)


def entered(owner: object) -> Changes:
    """Return the context variables that this thread's open blocks of *owner* have set."""
    return _inside.get().get(owner, {})


class Block(Generic[T]):
    """`with` around an async context manager; *run* runs a coroutine in the loop."""

    def __init__(
        self,
        owner: object,
        make: Callable[[], AbstractAsyncContextManager[T]],
        run: Callable[[Coroutine[Any, Any, Any]], Any],
        tasks: set[asyncio.Task[bool]],
    ) -> None:
        self._owner, self._make, self._run, self._tasks = owner, make, run, tasks
        self._task: asyncio.Task[bool] | None = None
        self._token: Token[Mapping[object, Changes]] | None = None

    def __enter__(self) -> T:
        value: T
        changes: Changes
        try:
            value, changes = self._run(self._open())
        except BaseException:
            if self._task is not None:  # interrupted when it was open already
                self._run(self._abandon())
            raise
        held = _inside.get()
        mine = {**held.get(self._owner, {}), **changes}
        self._token = _inside.set({**held, self._owner: mine})
        return value

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        token, self._token = self._token, None
        if token is not None:
            # Entered in one context and left in another (two cells of a notebook), what was set
            # is gone with the first one.
            with suppress(ValueError):
                _inside.reset(token)
        return bool(self._run(self._close(error)))

    async def _open(self) -> tuple[T, Changes]:
        loop = asyncio.get_running_loop()
        ready: asyncio.Future[tuple[T, Changes]] = loop.create_future()
        self._leave: asyncio.Future[BaseException | None] = loop.create_future()
        self._task = loop.create_task(self._hold(ready))
        self._tasks.add(self._task)
        self._task.add_done_callback(self._tasks.discard)
        try:
            either: list[asyncio.Future[Any]] = [self._task, ready]
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            await self._abandon()
            raise
        if not ready.done():
            self._task.result()  # raises why it could not be entered
        return ready.result()

    async def _hold(self, ready: asyncio.Future[tuple[T, Changes]]) -> bool:
        manager, before = self._make(), dict(copy_context().items())
        value = await manager.__aenter__()
        after = copy_context().items()
        ready.set_result(
            (value, {name: set_ for name, set_ in after if before.get(name) is not set_})
        )
        try:
            error = await self._leave
        except asyncio.CancelledError as cancelled:  # the database is being closed
            await manager.__aexit__(type(cancelled), cancelled, cancelled.__traceback__)
            raise
        if error is None:
            return bool(await manager.__aexit__(None, None, None))
        return bool(await manager.__aexit__(type(error), error, error.__traceback__))

    async def _close(self, error: BaseException | None) -> bool:
        if self._task is None:
            return False
        if not self._leave.done():
            self._leave.set_result(error)
        try:
            return await asyncio.shield(self._task)
        except asyncio.CancelledError:
            await self._abandon()
            raise

    async def _abandon(self) -> None:
        if self._task is not None and not self._task.done():
            self._task.cancel()
            await asyncio.wait([self._task])
