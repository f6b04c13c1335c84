"""`db.sync`: the same database for code that can't `await`.

The database lives in the event loop of a thread of its own (or in the loop that started it, when
that runs in another thread); calls are sent there, with the caller's context variables, and the
calling thread waits. Any number of threads may call; each has its own transactions.
"""

from __future__ import annotations

import asyncio
import atexit
import functools
import os
import threading
import weakref
from contextvars import copy_context
from typing import TYPE_CHECKING, Any, Self, TypeVar, overload

from .._connections.sticky import share
from .._display import html_table, one_line
from .._errors import ConfigurationError, NotStarted
from .block import Block, entered
from .call import Call
from .thread import LoopThread
from .wrappers import SyncCalls, SyncModel, SyncObject, SyncQuery, adapted, awaited, wrapped

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Awaitable, Callable, Iterator, Mapping, Sequence
    from contextlib import AbstractAsyncContextManager, AbstractContextManager
    from contextvars import Context
    from pathlib import Path
    from types import TracebackType

    from sqlalchemy.ext.asyncio import AsyncSession

    from .._database import Database
    from .._models.model import Model
    from .._queries.query import Query

    M = TypeVar("M", bound=Model)

T = TypeVar("T")

_CLOSE_SECONDS = 6.0  # a little more than the database takes at most
_ROWS_A_CALL = 100

_living: weakref.WeakSet[Sync] = weakref.WeakSet()


class Sync:
    """A database's synchronous face; `db.sync` is always the same one."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._thread: LoopThread | None = None
        self._process = 0
        self._starting = threading.Lock()
        self._blocks: set[asyncio.Task[bool]] = set()

    def start(self) -> Self:
        """Open the database in a thread of its own; one that is open already stays where it is."""
        with self._starting:
            if self._database.started:
                self._loop()
            else:
                self._start()
        return self

    def close(self) -> None:
        """Roll back what is open, and close what `start` opened; closing again does nothing."""
        with self._starting:
            thread = self._thread
            if thread is None or self._process != os.getpid():
                return
            if _running_loop() is thread.loop:
                raise _inside_the_loop()
            self._thread = None
            _living.discard(self)
            try:
                Call(thread.loop, self._shut(), copy_context()).run()
            finally:
                thread.stop(_CLOSE_SECONDS)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @overload
    def __call__(self, what: type[M], /) -> SyncModel[M]: ...
    @overload
    def __call__(self, what: M, /) -> SyncObject[M]: ...
    @overload
    def __call__(self, what: Query[M], /) -> SyncQuery[M]: ...
    @overload
    def __call__(self, what: Awaitable[T], /) -> T: ...
    def __call__(self, what: Any, /) -> Any:
        """Wrap a model, an object or a query for synchronous calls; run anything awaitable."""
        return wrapped(self, what)

    def run(self, awaitable: Awaitable[T]) -> T:
        """Await *awaitable* in the database's loop, and return its result.

        The caller's context variables hold there, and model calls mean this database. An
        interrupt (Ctrl-C) cancels it, and is raised when it has ended.
        """
        try:
            loop = self._loop()
        except BaseException:
            if asyncio.iscoroutine(awaitable):
                awaitable.close()  # it will never be awaited
            raise
        return Call(loop, self._meant(awaitable), self._context()).run()

    def iterate(self, source: AsyncIterable[T]) -> Iterator[T]:
        """Iterate over an async iterable, a hundred items a call."""
        iterator, context = aiter(source), self._context()
        while part := Call(self._loop(), _take(iterator), context).run():
            yield from part

    def block(self, make: Callable[[], AbstractAsyncContextManager[T]]) -> Block[T]:
        """Return a plain context manager that enters what *make* returns, in the loop."""
        return Block(self, make, self.run, self._blocks)

    def transaction(self, **options: Any) -> AbstractContextManager[AsyncSession]:
        """Commit everything that this thread does in the block, or nothing; see `Database`."""
        return self.block(lambda: self._database.transaction(**options))

    def attempts(self, tries: int = 5, **options: Any) -> Iterator[Block[AsyncSession]]:
        """Run a transaction again after a deadlock: `for attempt in …: with attempt: …`."""
        attempts = self._database.attempts(tries, **options)
        while (attempt := self.run(anext(attempts, None))) is not None:
            yield self.block(functools.partial(_same, attempt))

    def session(self) -> AbstractContextManager[AsyncSession]:
        """Share one session for this thread's reads in the block; see `Database.session`."""
        return self.block(self._database.session)

    def schema(self, name: str, *, shared: Sequence[str] = ()) -> AbstractContextManager[None]:
        """Use the tables of a schema in this thread, for the block; see `Database.schema`."""
        return self._database.schema(name, shared=shared)

    def acting_as(
        self, role: str | None = None, *, claims: Mapping[str, Any] | None = None
    ) -> AbstractContextManager[None]:
        """Act as a role in this thread, for the block; see `Database.acting_as`."""
        return self._database.acting_as(role, claims=claims)

    def create_all(self, *, schema: str | None = None) -> None:
        """Create what is missing of the known models' tables and search indexes."""
        self.run(self._database.create_all(schema=schema))

    def migrations(self, folder: str | Path, **options: Any) -> SyncCalls:
        """Return the migrations kept in *folder*: `make`, `up`, `down`, `status` and the others.

        The options are those of `Database.migrations`.
        """
        return SyncCalls(self, self._database.migrations(folder, **options))

    @property
    def database(self) -> Database:
        """The database itself."""
        return self._database

    def __getattr__(self, name: str) -> Any:
        """Return what the database calls *name*, for synchronous calls."""
        if name.startswith("_"):
            raise AttributeError(name)
        found = getattr(self._database, name)
        if type(found).__module__.startswith("mizzen.orm"):
            return SyncCalls(self, found)
        return adapted(self, found)

    def __repr__(self) -> str:
        return one_line("mizzen.orm.Sync", self._facts())

    def _repr_html_(self) -> str:
        return html_table("mizzen.orm.Sync", self._facts())

    def _facts(self) -> dict[str, str]:
        state = "closed"
        if self._database.started:
            own = self._thread is not None
            state = "open in a thread of its own" if own else "open in its starter's event loop"
        return {"url": self._database.url, "state": state}

    def _start(self) -> None:
        thread = LoopThread(f"mizzen-orm {self._database.url}")
        try:
            Call(thread.loop, self._database.start(), copy_context()).run()
        except BaseException:
            thread.stop(_CLOSE_SECONDS)
            raise
        self._thread, self._process = thread, os.getpid()
        _living.add(self)

    async def _shut(self) -> None:
        for task in list(self._blocks):
            task.cancel()
        if self._blocks:
            await asyncio.wait(self._blocks, timeout=_CLOSE_SECONDS)
        await self._database.aclose()

    def _loop(self) -> asyncio.AbstractEventLoop:
        loop = self._database._loop  # pyright: ignore[reportPrivateUsage]
        if loop is None:
            raise NotStarted(
                f"the database {self._database.url} is not open: call `db.sync.start()` or use "
                "`with db.sync:`."
            )
        if _running_loop() is loop:
            raise _inside_the_loop()
        if self._database._process != os.getpid():  # pyright: ignore[reportPrivateUsage]
            raise NotStarted(
                f"the database {self._database.url} was started before this process was forked; "
                "no connection crosses a fork: make and start a Database of its own here."
            )
        if not loop.is_running():
            raise NotStarted(
                f"the event loop that opened {self._database.url} does not run now, so nothing "
                "can answer: open a Database by its `.sync.start()`."
            )
        return loop

    def _context(self) -> Context:
        context = copy_context()
        share(context)
        for name, value in entered(self).items():
            context.run(name.set, value)
        return context

    async def _meant(self, awaitable: Awaitable[T]) -> T:
        from .._core import current

        try:
            plain = current() is self._database
        except NotStarted:  # several are open
            plain = False
        if plain:
            return await awaited(awaitable)
        async with self._database.session():
            return await awaited(awaitable)


def _inside_the_loop() -> ConfigurationError:
    return ConfigurationError(
        "db.sync was called in the very event loop that the database lives in, which would wait "
        "for itself: `await` the call there. In a notebook open the database with "
        "`db.sync.start()` to use it without `await`."
    )


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def _same(what: T) -> T:
    return what


async def _take(iterator: Any) -> list[Any]:
    part: list[Any] = []
    async for item in iterator:
        part.append(item)
        if len(part) == _ROWS_A_CALL:
            break
    return part


@atexit.register
def _close_all() -> None:
    # The threads are daemons, so that a forgotten close() keeps no process alive; what is open is
    # still rolled back, and a private temporary database removed.
    for sync in list(_living):
        sync.close()
