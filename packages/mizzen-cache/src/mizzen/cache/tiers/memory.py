"""The tier in this process: objects under a least-recently-used bound, on cachetools."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from cachetools import LRUCache

from ..abc import NEVER, Change, Clock, Entry, Held, Outcome, Reading

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_MARKS: Final = 100_000  # marks kept; a forgotten one only makes what it stamped stale


class MemoryTier:
    """Keeps the *max_entries* most recently used entries. For one event loop; not thread-safe."""

    def __init__(self, max_entries: int = 10_000, *, name: str = "memory") -> None:
        if max_entries < 1:
            raise ValueError(f"max_entries is {max_entries}; a memory tier holds at least 1")
        self.name: str = name
        self.patience: float = float("inf")
        self._held: LRUCache[str, Held] = LRUCache(max_entries)
        self._marks: LRUCache[str, bytes] = LRUCache(_MARKS)
        self._clock: Clock = time
        self._evicted = 0

    async def start(self, clock: Clock) -> None:
        """Take the clock; there is nothing to open."""
        self._clock = clock

    async def aclose(self) -> None:
        """Forget everything."""
        self._held.clear()
        self._marks.clear()

    def peek(self, key: str) -> Held | None:
        """Return what is held, expired or not."""
        return self._held.get(key)

    def hold(self, key: str, entry: Entry) -> Held:
        """Keep an entry, evicting the least recently used one when full."""
        left = float("inf")
        if entry.expires != NEVER:
            left = entry.expires / 1000 - self._clock.time()
        held = Held(entry, self._clock.monotonic() + left)
        if key not in self._held and len(self._held) >= self._held.maxsize:
            self._evicted += 1
        self._held[key] = held
        return held

    def discard(self, key: str) -> None:
        """Forget an entry, if it is there."""
        self._held.pop(key, None)

    def wipe(self) -> None:
        """Forget all entries; marks stay."""
        self._held.clear()

    async def read(self, keys: Sequence[str], marks: Sequence[str] = ()) -> Reading:
        """Return marks and entries."""
        return Reading([self._marks.get(m) for m in marks], [self._alive(key) for key in keys])

    async def apply(self, change: Change) -> Outcome:
        """Make one atomic change; nothing here waits, so nothing comes between."""
        now = {name: self._marks.get(name, b"") for name in change.expect}
        found = {key: self._alive(key) for key in change.replacing}
        if now != change.expect or change.replacing != {
            key: entry and entry.version for key, entry in found.items()
        }:
            return Outcome(False, marks=now)
        self._marks.update(change.mark)
        for name, token in change.make.items():
            now[name] = self._marks.setdefault(name, token)
        dropped = sum(self._held.pop(key, None) is not None for key in change.drop)
        for key, expires in change.touch.items():
            if entry := self._alive(key):
                kept = Entry(entry.body, expires, entry.stamps, entry.value, entry.version)
                self.hold(key, kept)
        before = self._evicted
        for key, entry in change.put.items():
            self.hold(key, entry)
        return Outcome(True, dropped, self._evicted - before, marks=now)

    def gauges(self) -> Mapping[str, float]:
        """Return the number of entries held."""
        return {"entries": len(self._held), "evicted_total": self._evicted}

    def _alive(self, key: str) -> Entry | None:
        held = self._held.get(key)
        if held is None:
            return None
        if held.deadline <= self._clock.monotonic():
            del self._held[key]
            return None
        return held.entry


def from_url(path: str, options: dict[str, str]) -> MemoryTier:
    """Return the tier of `memory:?max_entries=10000`."""
    return MemoryTier(int(options.pop("max_entries", 10_000)))
