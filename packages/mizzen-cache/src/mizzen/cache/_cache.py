"""The cache: values in, values out, over one tier or several."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar, cast, overload

from . import _display
from ._cached import Cacheable, cached
from ._codec import decode, encode
from ._entry import NEVER, Entry
from ._errors import Corrupt, NotStarted, Uncacheable, WrongType
from ._events import EventName, Events, Listener
from ._flights import Flights, Landing
from ._keys import stored_name
from ._marks import ROOT, slot
from ._miss import MISS
from ._stack import Found, Stack
from ._units import Duration, seconds
from ._urls import tier_from
from .abc import Clock, Held, Tier

if TYPE_CHECKING:
    from .notebook import View

T = TypeVar("T")
D = TypeVar("D")

_CLOSING: Final = 5.0  # seconds that loads under way get to end after being cancelled


class Cache:
    """A cache over one or several tiers, nearest first: URLs, or tier objects.

    ttl: how long entries live when a call does not say; None is forever.
    trust: for how long a copy in an upper tier is served without asking the last tier whether another
        process invalidated it. This process's own invalidations take effect at once.
    clock: where time comes from.
    """

    def __init__(
        self,
        *tiers: str | Tier,
        ttl: Duration | None = None,
        trust: Duration = 1.0,
        clock: Clock = time,
    ) -> None:
        chosen = [tier_from(t) if isinstance(t, str) else t for t in tiers or ("memory:",)]
        self._ttl = None if ttl is None else seconds(ttl)
        self._clock = clock
        self._monotonic = clock.monotonic
        self._events = Events()
        self._stack = Stack(chosen, clock, seconds(trust), self._events)
        self._marks = self._stack.marks
        self._flights = Flights()
        self._objects = not self._stack.lower
        self._counts = dict.fromkeys(_COUNTERS, 0)
        self._near = self._stack.guards[0]
        self._running = False
        self._peek: Callable[[str], Held | None] = self._refuse

    # The life of the component

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

    # Reading

    @overload
    async def get(self, key: str, default: None = None, *, type: type[T]) -> T | None: ...
    @overload
    async def get(self, key: str, default: D, *, type: type[T]) -> T | D: ...
    @overload
    async def get(self, key: str, default: object = None, *, type: Any = None) -> Any: ...
    async def get(self, key: str, default: Any = None, *, type: Any = None) -> Any:
        """Return the value of *key*, read as *type*, or *default*; None can be a cached value, MISS cannot."""
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
            value = self._value(key, Found(held.entry, held, self._near.name), type)
            if value is not MISS:
                self._events.tell("hit", key, self._near.name)
                return value
        found = (await self._find([key], type)).get(key, MISS)
        return default if found is MISS else found

    async def get_many(self, keys: Iterable[str], *, type: Any = None) -> dict[str, Any]:
        """Return the values of those *keys* that are cached."""
        return await self._find(list(dict.fromkeys(keys)), type)

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

        An async *load* runs in the loop, a plain one in a thread. Its error reaches everyone who waits
        and is not cached.
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
            value = self._value(key, Found(held.entry, held, self._near.name), type)
            if value is not MISS:
                self._events.tell("hit", key, self._near.name)
                return value
        marks = _tag_marks(tags)
        work = partial(self._find_or_load, key, load, ttl, marks, type)
        landing, first = await self._flights.join(key, frozenset(marks), work)
        if landing.outdated and not first:
            # It was invalidated meanwhile, perhaps before this call: only a load begun since will do.
            landing, _ = await self._flights.join(key, frozenset(marks), work)
        return self._loaded_value(key, landing.entry, type)

    # Writing

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
        expires = self._expires(ttl)
        if not values:
            return
        if expires is None:
            await self.delete_many(values)
            return
        entries = await self._entries(values, expires, _tag_marks(tags))
        self._flights.ground(set(values), set())
        await self._stack.store(entries)
        self._count("sets", len(values))
        for key in values:
            self._events.tell("store", key)

    async def add(
        self, key: str, value: object, *, ttl: Duration | None = None, tags: Iterable[str] = ()
    ) -> bool:
        """Store a value unless the key has one; return whether it was stored."""
        self._require_running()
        name, expires = stored_name(_checked(key)), self._expires(ttl)
        if expires is None or name in await self._stack.find([name]):
            return False
        old = await self._stack.version(name)
        if old and name in await self._stack.find([name]):
            return False
        entries = await self._entries({key: value}, expires, _tag_marks(tags))
        stored = await self._stack.store(entries, replacing={name: old})
        self._count("sets", int(stored))
        return stored

    async def touch(self, key: str, ttl: Duration | None = None) -> bool:
        """Give an entry a new time to live from now; return whether there was one."""
        self._require_running()
        name, expires = stored_name(_checked(key)), self._expires(ttl)
        if expires is None:
            return await self.delete(key)
        found = (await self._stack.find([name])).get(name)
        return found is not None and await self._stack.touch(name, expires, found.entry.version)

    async def delete(self, key: str) -> bool:
        """Remove a key; return whether the last tier had it. A load under way will not bring it back."""
        return await self.delete_many([key]) > 0

    async def delete_many(self, keys: Iterable[str]) -> int:
        """Remove several keys; return how many the last tier had."""
        self._require_running()
        chosen = list(dict.fromkeys(keys))
        self._flights.ground(set(chosen), set())
        dropped = await self._stack.drop([stored_name(_checked(key)) for key in chosen])
        self._count("deletes", len(chosen))
        return dropped

    async def invalidate_tags(self, *tags: str) -> None:
        """Make everything under any of these tags outdated; the cost does not depend on how much it is."""
        self._require_running()
        marks = _tag_marks(tags)
        if marks:
            self._flights.ground(set(), set(marks))
            await self._stack.renew(marks)
            self._count("invalidations", len(marks))
            for tag in tags:
                self._events.tell("invalidate", detail=tag)

    async def clear(self) -> None:
        """Make everything outdated, in every tier and process; the cost does not depend on how much."""
        self._require_running()
        self._flights.ground_all()
        if self._stack.near is not None:
            self._stack.near.wipe()
        await self._stack.renew([ROOT])
        self._count("invalidations", 1)
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

        key and tags are templates over the arguments, such as "user:{id}"; without a key, one is built
        from the function's name and its arguments with their types. type is what results are read as;
        the function's return annotation by default.
        """
        return cached(self, ttl, key, tags, type)

    # What it tells about itself

    def on(self, name: EventName, listener: Listener) -> Callable[[], None]:
        """Call *listener* with each event of that name; return what removes it again.

        Names: hit, miss, load, store, invalidate, corrupt, error, recover.
        """
        return self._events.on(name, listener)

    async def health(self) -> dict[str, object]:
        """Return whether every tier works, and what is wrong with those that don't; never raises."""
        if not self._running:
            return {"ok": False, "detail": {"cache": "not started"}}
        await self._stack.probe()
        detail = {guard.name: guard.trouble or "ok" for guard in self._stack.guards}
        return {"ok": all(state == "ok" for state in detail.values()), "detail": detail}

    def stats(self) -> dict[str, float]:
        """Return counters (`…_total`) and gauges, for the whole cache and each tier; no I/O."""
        return _display.figures(self._stack, self._counts, self._events.failures)

    def __repr__(self) -> str:
        return _display.line(self._stack, self._running)

    def _repr_html_(self) -> str:
        return _display.table(self._stack, self._running)

    def view(self, every: float = 0.5) -> View:
        """Return a view that follows this cache in a notebook, refreshed each *every* seconds."""
        from .notebook import View

        return View(self, every)

    # How a value is found, loaded and made into an entry

    async def _find(self, keys: Sequence[str], wanted: Any) -> dict[str, Any]:
        self._require_running()
        names = {key: stored_name(_checked(key)) for key in keys}
        found = await self._stack.find(list(names.values()))
        values: dict[str, Any] = {}
        for key, name in names.items():
            one = found.get(name)
            value = MISS if one is None else self._value(key, one, wanted)
            if value is MISS:
                self._count("misses", 1)
                self._events.tell("miss", key)
            else:
                values[key] = value
                self._events.tell("hit", key, one.tier if one else "")
        return values

    async def _find_or_load(
        self, key: str, load: Callable[[], Any], ttl: Duration | None, tags: list[str], wanted: Any
    ) -> Landing:
        name = stored_name(_checked(key))
        fenced = [ROOT, slot(name), *tags]
        found = (await self._stack.find([name], also=fenced)).get(name)
        if found is not None and self._value(key, found, wanted) is not MISS:
            self._events.tell("hit", key, found.tier)
            return Landing(found.entry)
        self._count("misses", 1)
        self._events.tell("miss", key)
        fence = await self._stack.stamps(fenced)
        value = await self._load(key, load)
        expires = self._expires(ttl)
        stamps = {mark: token for mark, token in fence.items() if mark != slot(name)}
        entry = self._entry(value, NEVER if expires is None else expires, stamps)
        self._loaded_value(key, entry, wanted)
        if expires is None:
            return Landing(entry)
        stamped = self._stack.stamped(entry, fence[slot(name)], name)
        current = await self._stack.fill(name, stamped, fence)
        self._count("loads_outdated", int(not current))
        return Landing(entry, outdated=not current)

    async def _load(self, key: str, load: Callable[[], Any]) -> object:
        self._count("loads", 1)
        self._events.tell("load", key)
        try:
            value = load() if _is_async(load) else await asyncio.to_thread(load)
            return await value if inspect.isawaitable(value) else value
        except Exception:
            self._count("load_errors", 1)
            raise

    async def _entries(
        self, values: Mapping[str, object], expires: int, tags: list[str]
    ) -> dict[str, Entry]:
        stamps = await self._stack.stamps([ROOT, *tags])
        return {
            stored_name(_checked(key)): self._entry(value, expires, stamps)
            for key, value in values.items()
        }

    def _entry(self, value: object, expires: int, stamps: Mapping[str, bytes]) -> Entry:
        if value is MISS:
            raise Uncacheable("MISS says that nothing is cached, so it cannot be a cached value")
        if self._objects:
            return Entry(None, expires, stamps, value)
        return Entry(encode(value), expires, stamps)

    def _value(self, key: str, found: Found, wanted: Any) -> Any:
        """Return the value of an entry found, or MISS, counted, if it does not read as *wanted*."""
        held = found.held
        if held is not None and held.decoded_as is wanted:
            return held.value
        try:
            value = _read_as(found.entry, wanted)
        except Corrupt as exc:
            self._count("unreadable", 1)
            self._events.tell("corrupt", key, found.tier, str(exc))
            return MISS
        if held is not None:
            held.value, held.decoded_as = value, wanted
        return value

    def _loaded_value(self, key: str, entry: Entry, wanted: Any) -> Any:
        try:
            return _read_as(entry, wanted)
        except Corrupt as exc:
            raise WrongType(f"what was loaded for {key!r} does not read back: {exc}") from exc

    def _expires(self, ttl: Duration | None) -> int | None:
        """Return wall-clock milliseconds, or None when that is not after now."""
        lifetime = self._ttl if ttl is None else seconds(ttl)
        if lifetime is None:
            return NEVER
        if lifetime <= 0:
            return None
        return int(min(self._clock.time() * 1000 + lifetime * 1000, NEVER))

    def _count(self, what: str, times: int) -> None:
        self._counts[what] += times

    def _require_running(self) -> None:
        if not self._running:
            self._refuse("")

    def _refuse(self, _: str) -> Held | None:
        raise NotStarted("this cache is not open: call `await cache.start()` or use `async with`")


_COUNTERS: Final = [
    "misses",
    "loads",
    "load_errors",
    "loads_outdated",
    "sets",
    "deletes",
    "invalidations",
    "unreadable",
]


def _nothing(_: str) -> None:
    """Stand in for `peek` where no tier is near."""


def _checked(key: str) -> str:
    if not isinstance(key, str):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise Uncacheable(f"a key is a str, not {type(key).__qualname__}: {key!r}")
    return key


def _tag_marks(tags: Iterable[str]) -> list[str]:
    if isinstance(tags, str):
        raise Uncacheable(f"tags is a list of tags: write tags=[{tags!r}]")
    return ["t:" + stored_name(_checked(tag)) for tag in dict.fromkeys(tags)]


def _read_as(entry: Entry, wanted: Any) -> Any:
    if entry.body is not None:
        return decode(entry.body, wanted)
    if wanted is None or (isinstance(wanted, type) and type(entry.value) is wanted):
        return cast("object", entry.value)
    try:
        return decode(encode(entry.value), wanted)
    except Uncacheable as exc:
        raise Corrupt(str(exc)) from exc


def _is_async(load: Callable[[], Any]) -> bool:
    call = getattr(load, "__call__", None)  # noqa: B004  (an object with an async __call__)
    return inspect.iscoroutinefunction(load) or inspect.iscoroutinefunction(call)
