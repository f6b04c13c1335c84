"""Between values and entries: what is found, what is loaded, and what of it may be stored."""

from __future__ import annotations

import asyncio
import inspect
from typing import TYPE_CHECKING, Any, Final

from ._codec import decode, encode
from ._entry import NEVER, Entry
from ._errors import Corrupt, Uncacheable, WrongType
from ._flights import Landing
from ._keys import stored_name
from ._marks import ROOT, slot
from ._miss import MISS
from ._units import Duration, seconds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from ._events import Events
    from ._stack import Found, Stack
    from .abc import Clock

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


class Values:
    """The values of one cache, and the count of what happened to them."""

    def __init__(self, stack: Stack, events: Events, clock: Clock, ttl: Duration | None) -> None:
        self.counts = dict.fromkeys(_COUNTERS, 0)
        self._stack, self._events, self._clock = stack, events, clock
        self._ttl = None if ttl is None else seconds(ttl)
        self._objects = not stack.lower  # memory alone keeps the objects themselves

    async def find(self, keys: Sequence[str], wanted: Any) -> dict[str, Any]:
        names = {key: stored_name(checked(key)) for key in keys}
        found = await self._stack.find(list(names.values()))
        values: dict[str, Any] = {}
        for key, name in names.items():
            one = found.get(name)
            value = MISS if one is None else self.read(key, one, wanted)
            if value is MISS:
                self.count("misses", 1)
                self._events.tell("miss", key)
            else:
                values[key] = value
                self._events.tell("hit", key, one.tier if one else "")
        return values

    async def find_or_load(
        self, key: str, load: Callable[[], Any], ttl: Duration | None, tags: list[str], wanted: Any
    ) -> Landing:
        name = stored_name(checked(key))
        fenced = [ROOT, slot(name), *tags]
        found = (await self._stack.find([name], also=fenced)).get(name)
        if found is not None and self.read(key, found, wanted) is not MISS:
            self._events.tell("hit", key, found.tier)
            return Landing(found.entry)
        self.count("misses", 1)
        self._events.tell("miss", key)
        fence = await self._stack.stamps(fenced)
        value = await self._load(key, load)
        expires = self.expires(ttl)
        stamps = {mark: token for mark, token in fence.items() if mark != slot(name)}
        entry = self._entry(value, NEVER if expires is None else expires, stamps)
        self.loaded(key, entry, wanted)
        if expires is None:
            return Landing(entry)
        stamped = self._stack.stamped(entry, fence[slot(name)], name)
        current = await self._stack.fill(name, stamped, fence)
        self.count("loads_outdated", int(not current))
        return Landing(entry, outdated=not current)

    async def _load(self, key: str, load: Callable[[], Any]) -> object:
        self.count("loads", 1)
        self._events.tell("load", key)
        try:
            value = load() if _is_async(load) else await asyncio.to_thread(load)
            return await value if inspect.isawaitable(value) else value
        except Exception:
            self.count("load_errors", 1)
            raise

    async def entries(
        self, values: Mapping[str, object], expires: int, tags: list[str]
    ) -> dict[str, Entry]:
        stamps = await self._stack.stamps([ROOT, *tags])
        return {
            stored_name(checked(key)): self._entry(value, expires, stamps)
            for key, value in values.items()
        }

    def _entry(self, value: object, expires: int, stamps: Mapping[str, bytes]) -> Entry:
        if value is MISS:
            raise Uncacheable("MISS says that nothing is cached, so it cannot be a cached value")
        if self._objects:
            return Entry(None, expires, stamps, value)
        return Entry(encode(value), expires, stamps)

    def read(self, key: str, found: Found, wanted: Any) -> Any:
        """Return the value of an entry found, or MISS, counted, if it does not read as *wanted*."""
        held = found.held
        if held is not None and held.decoded_as is wanted:
            return held.value
        try:
            value = _read_as(found.entry, wanted)
        except Corrupt as exc:
            self.count("unreadable", 1)
            self._events.tell("corrupt", key, found.tier, str(exc))
            return MISS
        if held is not None:
            held.value, held.decoded_as = value, wanted
        return value

    def loaded(self, key: str, entry: Entry, wanted: Any) -> Any:
        try:
            return _read_as(entry, wanted)
        except Corrupt as exc:
            raise WrongType(f"what was loaded for {key!r} does not read back: {exc}") from exc

    def expires(self, ttl: Duration | None) -> int | None:
        """Return wall-clock milliseconds, or None when that is not after now."""
        lifetime = self._ttl if ttl is None else seconds(ttl)
        if lifetime is None:
            return NEVER
        if lifetime <= 0:
            return None
        return int(min(self._clock.time() * 1000 + lifetime * 1000, NEVER))

    def count(self, what: str, times: int) -> None:
        self.counts[what] += times


def checked(key: str) -> str:
    if not isinstance(key, str):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise Uncacheable(f"a key is a str, not {type(key).__qualname__}: {key!r}")
    return key


def tag_marks(tags: Iterable[str]) -> list[str]:
    if isinstance(tags, str):
        raise Uncacheable(f"tags is a list of tags: write tags=[{tags!r}]")
    return ["t:" + stored_name(checked(tag)) for tag in dict.fromkeys(tags)]


def _read_as(entry: Entry, wanted: Any) -> Any:
    if entry.body is not None:
        return decode(entry.body, wanted)
    if wanted is None or (isinstance(wanted, type) and type(entry.value) is wanted):
        return entry.value
    try:
        return decode(encode(entry.value), wanted)
    except Uncacheable as exc:
        raise Corrupt(str(exc)) from exc


def _is_async(load: Callable[[], Any]) -> bool:
    call = getattr(load, "__call__", None)  # noqa: B004  (an object with an async __call__)
    return inspect.iscoroutinefunction(load) or inspect.iscoroutinefunction(call)
