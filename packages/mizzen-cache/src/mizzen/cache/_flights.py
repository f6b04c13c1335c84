"""One load per key at a time, however many callers wait for it.

The load runs in a task of its own, so a cancelled caller only leaves; the load ends with the last
one. A load that (through others) waits for itself is refused instead of waiting forever.
"""

from __future__ import annotations

import asyncio
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from ._errors import LoadCancelled, RecursiveLoad

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from ._entry import Entry

_inside: ContextVar[Flight | None] = ContextVar("mizzen_cache_flight", default=None)


class Landing:
    """What a flight brings: the entry, and whether it was outdated before it could be stored."""

    __slots__ = ("entry", "outdated")

    def __init__(self, entry: Entry, outdated: bool = False) -> None:
        self.entry, self.outdated = entry, outdated


class Flight:
    """One load under way."""

    def __init__(self, key: str, tags: frozenset[str]) -> None:
        self.key, self.tags, self.passengers = key, tags, 0
        self.task: asyncio.Task[Landing] | None = None
        self._waits_for: list[Flight] = []

    async def ride(self) -> Landing:
        """Wait for the landing; the last passenger to leave early ends the flight."""
        outer, task = _inside.get(), self.task
        assert task is not None  # noqa: S101
        if outer is not None and outer.running and self.leads_to(outer):
            raise RecursiveLoad(
                f"the load of {outer.key!r} waits for {self.key!r}, which waits for it in turn; "
                "load the inner value without the cache, or under another key"
            )
        self.passengers += 1
        if outer is not None:
            outer._waits_for.append(self)
        try:
            await asyncio.wait([task])
        finally:
            self.passengers -= 1
            if outer is not None:
                outer._waits_for.remove(self)
            if not self.passengers and not task.done():
                task.cancel()
        if task.cancelled():
            raise LoadCancelled(f"the load of {self.key!r} was cancelled; call again to load anew")
        return task.result()

    @property
    def running(self) -> bool:
        """Whether the load has not ended yet."""
        return self.task is not None and not self.task.done()

    def leads_to(self, other: Flight) -> bool:
        """Return whether this flight is *other* or waits for it, directly or not."""
        return self is other or any(flight.leads_to(other) for flight in self._waits_for)


class Flights:
    """The loads of one cache, by key."""

    def __init__(self) -> None:
        self._aloft: dict[str, Flight] = {}
        self._tasks: set[asyncio.Task[Landing]] = set()

    async def join(
        self, key: str, tags: frozenset[str], load: Callable[[], Coroutine[Any, Any, Landing]]
    ) -> tuple[Landing, bool]:
        """Return what the load of *key* brings, and whether this call started it."""
        flight = self._aloft.get(key)
        if flight is not None and flight.running and flight.passengers:
            return await flight.ride(), False
        flight = Flight(key, tags)
        self._aloft[key] = flight
        flight.task = task = asyncio.create_task(self._fly(flight, load))
        self._tasks.add(task)
        task.add_done_callback(self._landed)
        return await flight.ride(), True

    def ground(self, keys: set[str], tags: set[str]) -> None:
        """Let no later call join the loads of these keys, or under these tags."""
        for key in keys:
            self._aloft.pop(key, None)
        if tags:
            for flight in [f for f in self._aloft.values() if not tags.isdisjoint(f.tags)]:
                del self._aloft[flight.key]

    def ground_all(self) -> None:
        """Let no later call join any load under way."""
        self._aloft.clear()

    async def aclose(self, within: float) -> None:
        """Cancel every load and wait for them to end."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=within)

    async def _fly(
        self, flight: Flight, load: Callable[[], Coroutine[Any, Any, Landing]]
    ) -> Landing:
        _inside.set(flight)
        try:
            return await load()
        finally:
            if self._aloft.get(flight.key) is flight:
                del self._aloft[flight.key]

    def _landed(self, task: asyncio.Task[Landing]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # all who waited may have left; asyncio would call it unretrieved
