"""Iterations: a job over many items that goes on where it was, after a crash or a deploy."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterable, Callable, Iterable, Sequence, Sized
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

import msgspec
from msgspec import Struct

from ._errors import BadJob, Interrupted
from ._hints import first_parameter

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator

    from ._ledger import Ledger
    from ._records import CurrentJob

__all__ = ["Iteration"]

T = TypeVar("T")

# A loop that never waits would keep the event loop: give it up this often.
_SLICE = 0.002


class Place(Struct, frozen=True, array_like=True):
    """How many items have been handled, and the cursor of the last."""

    done: int = 0
    cursor: Any = None


class Iteration(Generic[T]):
    """What `CurrentJob.iterate` returns: `async for`, or a plain `for` in a job's thread."""

    def __init__(
        self,
        job: CurrentJob,
        ledger: Ledger,
        source: Any,
        *,
        name: str,
        every: float,
        total: float | None,
    ) -> None:
        self.name = name
        self.place: Place = Place()
        self._job, self._ledger, self._source, self._every = job, ledger, source, every
        self._total = len(source) if total is None and isinstance(source, Sized) else total
        self._kept = self.place

    async def __aiter__(self) -> AsyncGenerator[T]:
        self._ledger.take(self.name)
        self._begin(await self._ledger.read(self.name))
        started = self._start()
        if isinstance(started, AsyncIterable):
            async for cursor, item in started:
                yield self._hand_out(item)
                if self._handled(cursor):
                    await self.keep()
        else:
            yielded_at = time.perf_counter()
            for cursor, item in started:
                yield self._hand_out(item)
                if self._handled(cursor):
                    await self.keep()
                if time.perf_counter() - yielded_at > _SLICE:
                    await asyncio.sleep(0)
                    yielded_at = time.perf_counter()
        await self.keep()

    def __iter__(self) -> Generator[T]:
        other = "write `async for` there"
        self._ledger.take(self.name)
        self._begin(self._ledger.wait(self._ledger.read(self.name), other))
        started = self._start()
        if isinstance(started, AsyncIterable):
            raise TypeError(f"{self._source!r} needs `async for`")
        for cursor, item in started:
            yield self._hand_out(item)
            if self._handled(cursor):
                self._ledger.wait(self.keep(), other)
        self._ledger.wait(self.keep(), other)

    def _begin(self, memo: str | None) -> None:
        if memo is not None:
            self.place = self._kept = msgspec.json.decode(memo, type=Place)
        self._ledger.iterations.append(self)
        self._keep_at = time.monotonic() + self._every
        self._report()

    def _start(self) -> Iterable[tuple[Any, T]] | AsyncIterable[tuple[Any, T]]:
        """What is left of the source, with a cursor for each item."""
        source, done = self._source, self.place.done
        if isinstance(source, Sequence):
            items = cast("Sequence[T]", source)
            return ((None, items[index]) for index in range(done, len(items)))
        if isinstance(source, Iterable):
            left = itertools.islice(cast("Iterable[T]", source), done, None)
            return ((None, item) for item in left)
        if isinstance(source, AsyncIterable):
            return _after(cast("AsyncIterable[T]", source), done)
        pairs: Iterable[tuple[Any, T]] | AsyncIterable[tuple[Any, T]]
        pairs = source(_typed(source, self.place.cursor))
        return pairs

    def _hand_out(self, item: T) -> T:
        if self._job.cancelled or self._job.desk.draining:
            raise Interrupted(f"stopped before item {self.place.done} of {self.name!r}")
        return item

    def _handled(self, cursor: object) -> bool:
        """Note that the last item is done; whether it is time to keep that."""
        self.place = Place(self.place.done + 1, cursor)
        self._report()
        return time.monotonic() >= self._keep_at

    def _report(self) -> None:
        if self._total is not None:
            self._job.progress(self.place.done, self._total)

    async def keep(self) -> None:
        """Keep the place for the next run, if it has changed."""
        place = self.place
        if place is not self._kept:
            await self._ledger.keep(self.name, self._memo(place))
            self._kept = place
        self._keep_at = time.monotonic() + self._every

    def _memo(self, place: Place) -> str:
        try:
            return msgspec.json.encode(place).decode()
        except (TypeError, ValueError, OverflowError, msgspec.MsgspecError) as exc:
            raise BadJob(
                f"the place in {self.name!r} can't be kept: {exc}; use a cursor that JSON can carry"
            ) from exc


async def _after(source: AsyncIterable[T], done: int) -> AsyncGenerator[tuple[None, T]]:
    async for item in source:
        if done > 0:
            done -= 1
        else:
            yield None, item


def _typed(source: Callable[..., Any], cursor: Any) -> Any:
    """The cursor as the type of the parameter that takes it."""
    if cursor is None:
        return None
    try:
        return msgspec.convert(cursor, first_parameter(source))
    except (TypeError, msgspec.ValidationError):
        return cursor
