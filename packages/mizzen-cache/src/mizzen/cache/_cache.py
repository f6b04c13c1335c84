"""The cache: values in, values out, over one tier or several."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar, overload

from . import _display
from ._cached import Cacheable, cached
from ._errors import NotStarted
from ._events import EventName, Events, Listener
from ._flights import Flights
from ._keys import stored_name
from ._marks import ROOT
from ._miss import MISS
from ._stack import Found, Stack
from ._units import Duration, seconds
from ._urls import tier_from
from ._values import Values, checked, tag_marks

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

    from .abc import Clock, Held, Tier
    from .notebook import View

T = TypeVar("T")
D = TypeVar("D")

_CLOSING: Final = 5.0  # seconds that loads under way get to end after being cancelled


class Cache:
    """A cache over one or several tiers, nearest first: URLs, or tier objects.

    *ttl* is how long entries live when a call does not say; None is forever. *trust* is how long a
    copy in an upper tier is served without asking the last tier whether another process
    invalidated it; this process's own invalidations take effect at once. Time comes from *clock*.
    """

    def __init__(
        self,
        *tiers: str | Tier,
        ttl: Duration | None = None,
        trust: Duration = 1.0,
        clock: Clock = time,
    ) -> None:
        chosen = [tier_from(t) if isinstance(t, str) else t for t in tiers or ("memory:",)]
        self._monotonic = clock.monotonic
        self._events = Events()
        self._stack = Stack(chosen, clock, seconds(trust), self._events)
        self._marks = self._stack.marks
        self._flights = Flights()
        self._values = Values(self._stack, self._events, clock, ttl)
        self._near = self._stack.guards[0]
        self._running = False
        self._peek: Callable[[str], Held | None] = self._refuse

    async def start(self) -> Self:
        """Open the tiers; idempotent. A tier that is away is left out until it is back."""
        if not self._running:
            await self._stack.start()
            near = self._stack.near
            self._peek = near.peek if near is not None else _nothing
            self._running = True
        return self

    async def aclose(self) -> None:
        """Cancel loads under way and close the tiers; idempotent, bounded in time."""
        if self._running:
            self._running, self._peek = False, self._refuse
            self._flights.ground_all()
            await self._flights.aclose(_CLOSING)
            await self._stack.aclose()

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    @overload
    async def get(self, key: str, default: None = None, *, type: type[T]) -> T | None: ...
    @overload
    async def get(self, key: str, default: D, *, type: type[T]) -> T | D: ...
    @overload
    async def get(self, key: str, default: object = None, *, type: Any = None) -> Any: ...
    async def get(self, key: str, default: Any = None, *, type: Any = None) -> Any:
        """Return the value of *key*, read as *type*, or *default*.

        None can be a cached value; pass MISS as *default* to tell it from nothing.
        """
        held = self._peek(key)
        if (
            held is not None
            and held.decoded_as is type
            and held.epoch == self._marks.epoch
            and self._monotonic() < held.good_until
        ):
            self._near.hits += 1
            if self._events.listening:
                self._events.tell("hit", key, self._near.name)
            return held.value
        if held is not None and self._stack.still_good(held):
            value = self._values.read(key, Found(held.entry, held, self._near.name), type)
            self._events.tell("miss" if value is MISS else "hit", key, self._near.name)
            return default if value is MISS else value
        self._require_running()
        found = (await self._values.find([key], type)).get(key, MISS)
        return default if found is MISS else found

    async def get_many(self, keys: Iterable[str], *, type: Any = None) -> dict[str, Any]:
        """Return the values of those *keys* that are cached."""
        self._require_running()
        return await self._values.find(list(dict.fromkeys(keys)), type)

    @overload
    async def fetch(
        self,
        key: str,
        load: Callable[[], Awaitable[T]],
        *,
        ttl: Duration | None = None,
        tags: Iterable[str] = (),
        type: Any = None,
    ) -> T: ...
    @overload
    async def fetch(
        self,
        key: str,
        load: Callable[[], T],
        *,
        ttl: Duration | None = None,
        tags: Iterable[str] = (),
        type: Any = None,
    ) -> T: ...
    async def fetch(
        self,
        key: str,
        load: Callable[[], Any],
        *,
        ttl: Duration | None = None,
        tags: Iterable[str] = (),
        type: Any = None,
    ) -> Any:
        """Return the value of *key*; if there is none, load and store it, once for all who wait.

        An async *load* runs in the loop, a plain one in a thread. Its error reaches everyone who
        waits and is not cached.
        """
        held = self._peek(key)
        if (
            held is not None
            and held.decoded_as is type
            and held.epoch == self._marks.epoch
            and self._monotonic() < held.good_until
        ):
            self._near.hits += 1
            if self._events.listening:
                self._events.tell("hit", key, self._near.name)
            return held.value
        if held is not None and self._stack.still_good(held):
            value = self._values.read(key, Found(held.entry, held, self._near.name), type)
            if value is not MISS:
                self._events.tell("hit", key, self._near.name)
                return value
        marks = tag_marks(tags)
        work = partial(self._values.find_or_load, key, load, ttl, marks, type)
        landing, first = await self._flights.join(key, frozenset(marks), work)
        if landing.outdated and not first:
            # It was invalidated meanwhile, perhaps before this call: load anew.
            landing, _ = await self._flights.join(key, frozenset(marks), work)
        return self._values.loaded(key, landing.entry, type)

    async def set(
        self, key: str, value: object, *, ttl: Duration | None = None, tags: Iterable[str] = ()
    ) -> None:
        """Store a value; a ttl of zero or less removes the key."""
        await self.set_many({key: value}, ttl=ttl, tags=tags)

    async def set_many(
        self, values: Mapping[str, object], *, ttl: Duration | None = None, tags: Iterable[str] = ()
    ) -> None:
        """Store several values in one atomic change of the last tier."""
        self._require_running()
        expires = self._values.expires(ttl)
        if not values:
            return
        if expires is None:
            await self.delete_many(values)
            return
        entries = await self._values.entries(values, expires, tag_marks(tags))
        self._flights.ground(set(values), set())
        await self._stack.store(entries)
        self._values.count("sets", len(values))
        for key in values:
            self._events.tell("store", key)

    async def add(
        self, key: str, value: object, *, ttl: Duration | None = None, tags: Iterable[str] = ()
    ) -> bool:
        """Store a value unless the key has one; return whether it was stored."""
        self._require_running()
        name, expires = stored_name(checked(key)), self._values.expires(ttl)
        if expires is None or name in await self._stack.find([name]):
            return False
        old = await self._stack.version(name)
        if old and name in await self._stack.find([name]):
            return False
        entries = await self._values.entries({key: value}, expires, tag_marks(tags))
        stored = await self._stack.store(entries, replacing={name: old})
        self._values.count("sets", int(stored))
        return stored

    async def touch(self, key: str, ttl: Duration | None = None) -> bool:
        """Give an entry a new time to live from now; return whether there was one."""
        self._require_running()
        name, expires = stored_name(checked(key)), self._values.expires(ttl)
        if expires is None:
            return await self.delete(key)
        found = (await self._stack.find([name])).get(name)
        return found is not None and await self._stack.touch(name, expires, found.entry.version)

    async def delete(self, key: str) -> bool:
        """Remove a key; return whether it was there. A load under way will not bring it back."""
        return await self.delete_many([key]) > 0

    async def delete_many(self, keys: Iterable[str]) -> int:
        """Remove several keys; return how many the last tier had."""
        self._require_running()
        chosen = list(dict.fromkeys(keys))
        self._flights.ground(set(chosen), set())
        dropped = await self._stack.drop([stored_name(checked(key)) for key in chosen])
        self._values.count("deletes", len(chosen))
        return dropped

    async def invalidate_tags(self, *tags: str) -> None:
        """Make everything under any of these tags outdated, in one small write."""
        self._require_running()
        marks = tag_marks(tags)
        if marks:
            self._flights.ground(set(), set(marks))
            await self._stack.renew(marks)
            self._values.count("invalidations", len(marks))
            for tag in tags:
                self._events.tell("invalidate", detail=tag)

    async def clear(self) -> None:
        """Make everything outdated, in every tier and process, in one small write."""
        self._require_running()
        self._flights.ground_all()
        if self._stack.near is not None:
            self._stack.near.wipe()
        await self._stack.renew([ROOT])
        self._values.count("invalidations", 1)
        self._events.tell("invalidate", detail="everything")

    def cached(
        self,
        *,
        ttl: Duration | None = None,
        key: str | None = None,
        tags: Sequence[str] = (),
        type: Any = None,
    ) -> Cacheable:
        """Decorate an async function: its results are fetched through this cache.

        key and tags are templates over the arguments, such as "user:{id}"; without a key, one is
        built from the function's name and its arguments with their types. type is what results are
        read as; the function's return annotation by default.
        """
        return cached(self, ttl, key, tags, type)

    @property
    def keeps_objects(self) -> bool:
        """Whether values are kept as the very objects given, as memory alone does."""
        return not self._stack.lower

    def on(self, name: EventName, listener: Listener) -> Callable[[], None]:
        """Call *listener* with each event of that name; return what removes it again.

        Names: hit, miss, load, store, invalidate, corrupt, error, recover.
        """
        return self._events.on(name, listener)

    async def health(self) -> dict[str, object]:
        """Return whether every tier works, and what is wrong where one doesn't; never raises."""
        if not self._running:
            return {"ok": False, "detail": {"cache": "not started"}}
        await self._stack.probe()
        detail = {guard.name: guard.trouble or "ok" for guard in self._stack.guards}
        return {"ok": all(state == "ok" for state in detail.values()), "detail": detail}

    def stats(self) -> dict[str, float]:
        """Return counters (`…_total`) and gauges, for the whole cache and each tier; no I/O."""
        return _display.figures(self._stack, self._values.counts, self._events.failures)

    def __repr__(self) -> str:
        return _display.line(self._stack, self._running)

    def _repr_html_(self) -> str:
        return _display.table(self._stack, self._running)

    def view(self, every: float = 0.5) -> View:
        """Return a view that follows this cache in a notebook, refreshed each *every* seconds."""
        from .notebook import View

        return View(self, every)

    def _require_running(self) -> None:
        if not self._running:
            self._refuse("")

    def _refuse(self, _: str) -> Held | None:
        raise NotStarted("this cache is not open: call `await cache.start()` or use `async with`")


def _nothing(_: str) -> None:
    """Stand in for `peek` where no tier is near."""
