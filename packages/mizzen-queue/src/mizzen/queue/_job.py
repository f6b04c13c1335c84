"""What `@q.job` makes of a function, and the calls that can be enqueued."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, Protocol, TypeVar, cast, overload

import msgspec

from ._address import Address, address_of
from ._arguments import Arguments
from ._limits import Limits
from ._place import place_of
from ._units import Duration, seconds
from .abc import KeyedJob, NewJob

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from ._handle import Handle
    from ._place import RunIn
    from ._queue import Queue
    from ._retry import Retry
    from .abc import Gate

__all__ = ["Call", "JobFunction"]

P = ParamSpec("P")
R = TypeVar("R")


class JobFunction(Generic[P, R]):
    """A function that can be enqueued: call it for a Call, or `run` it here and now."""

    def __init__(
        self,
        owner: Queue,
        fn: Callable[P, Awaitable[R]] | Callable[P, R],
        *,
        name: str,
        queue: str,
        retry: Retry,
        timeout: Duration | None,
        priority: int,
        limits: Limits,
        run: RunIn | None = None,
    ) -> None:
        self.fn = fn
        self.name = name
        self.queue = queue
        self.retry = retry
        self.timeout: float | None = None if timeout is None else seconds(timeout)
        self.priority = priority
        self.limits = limits
        self.gate: Gate = limits.gate
        self.is_async: bool = inspect.iscoroutinefunction(fn)
        self.runs_in: RunIn = place_of(name, fn, run)
        in_process = self.runs_in == "process"
        self.address: Address | None = address_of(name, fn) if in_process else None
        self.arguments: Arguments = Arguments(name, fn)
        self.has_keys: bool = limits != Limits(name)
        self._owner = owner
        self.__name__: str = getattr(fn, "__name__", name)
        self.__doc__ = fn.__doc__
        self.__module__ = fn.__module__
        self.__wrapped__ = fn

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Call[R]:
        """A call to enqueue; its arguments are checked and serialized now. Nothing runs."""
        return Call(self._owner, self, self.arguments.encode(args, kwargs))

    async def run(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run the function directly, without any queue; a plain one in a thread."""
        if self.is_async:
            return await cast("Callable[P, Awaitable[R]]", self.fn)(*args, **kwargs)
        import functools

        import anyio.to_thread

        plain = cast("Callable[P, R]", self.fn)
        return await anyio.to_thread.run_sync(functools.partial(plain, *args, **kwargs))

    def __repr__(self) -> str:
        return f"<mizzen.queue job {self.name!r} on queue {self.queue!r}>"


class Call(Generic[R]):
    """A job that is ready to be enqueued; changing `queue` or `priority` gives a new one."""

    __slots__ = ("args", "function", "owner")

    def __init__(self, owner: Queue, function: JobFunction[..., R], args: str) -> None:
        self.owner: Queue = owner
        self.function: JobFunction[..., R] = function
        self.args: str = args

    async def enqueue(
        self,
        *,
        delay: Duration | None = None,
        priority: int | None = None,
        queue: str | None = None,
        tx: Any = None,
    ) -> Handle[R]:
        """Store the job; it runs after *delay*, if and when its transaction commits.

        Without *tx* it is committed when this returns. With one (a SQLAlchemy session or
        connection, or one of aiosqlite, sqlite3 or psycopg, on the queue's own database) it
        commits or rolls back with the caller's data.
        """
        handles = await self.owner.enqueue_many(
            [self], delay=delay, priority=priority, queue=queue, tx=tx
        )
        return handles[0]

    def job(
        self, now: float, delay: Duration | None, priority: int | None, queue: str | None
    ) -> NewJob:
        """The row that the store inserts."""
        function = self.function
        job = NewJob(
            function.name,
            queue or function.queue,
            function.priority if priority is None else priority,
            self.args,
            function.retry.max,
            now + seconds(delay) if delay else 0.0,
            now,
        )
        if not function.has_keys:
            return job
        keys = function.limits.keys(self.args, self._given)
        return KeyedJob(**msgspec.structs.asdict(job), **keys)

    def _given(self) -> dict[str, object]:
        return self.function.arguments.by_name(self.args)

    def __repr__(self) -> str:
        shown = self.args if len(self.args) <= 60 else self.args[:59] + "…"
        return f"<mizzen.queue.Call {self.function.name} {shown}>"


class JobDecorator(Protocol):
    """What `q.job(...)` returns: a decorator that keeps the function's parameters and result."""

    @overload
    def __call__(self, fn: Callable[P, Awaitable[R]], /) -> JobFunction[P, R]: ...
    @overload
    def __call__(self, fn: Callable[P, R], /) -> JobFunction[P, R]: ...
