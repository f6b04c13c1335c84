"""The tiers as one: read from the nearest, check against the last, copy upwards, write downwards.

The last tier is the authority: it holds the marks (generations) that decide what is current.
Entries in the tiers above it are copies; each also carries the mark of its key's slot, which a
write or a delete of that key renews. So a copy that could not be removed anywhere is recognised as
outdated wherever it is read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ._guard import Guard
from ._marks import ROOT, Marks, new_token, slot
from .abc import Change, Clock, Damaged, Entry, Held, NearTier, Outcome, Tier

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ._events import Events


class Found(NamedTuple):
    """An entry that may be returned, and where the near tier holds it, if it does."""

    entry: Entry
    held: Held | None
    tier: str


class Stack:
    """One or several tiers, nearest first."""

    def __init__(self, tiers: Sequence[Tier], clock: Clock, trust: float, events: Events) -> None:
        first = tiers[0]
        self.near = first if isinstance(first, NearTier) else None
        self.guards = _guards(tiers, clock, events)
        self.lower = self.guards[1:] if self.near else self.guards
        self.authority = self.guards[-1]
        self.marks = Marks(trust if self.lower else float("inf"), clock)
        self.outdated = self.corrupt = 0
        self._clock, self._events = clock, events

    async def start(self) -> None:
        """Open every tier; one that cannot be opened is left out until it can."""
        for guard in self.guards:
            await guard.start()

    async def aclose(self) -> None:
        """Close every tier."""
        for guard in self.guards:
            await guard.aclose()

    async def find(self, names: Sequence[str], also: Sequence[str] = ()) -> dict[str, Found]:
        """Return what is good of *names*; learn the marks *also* where that costs nothing."""
        found: dict[str, Found] = {}
        missing = await self._from_near(names, found)
        for guard in self.lower:
            if missing:
                missing = await self._from_lower(guard, missing, found, also)
        return found

    def still_good(self, held: Held) -> bool:
        """Return whether a near entry may be served, as far as can be told without asking."""
        now, stamps = self._clock.monotonic(), held.entry.stamps
        until = min(held.deadline, self.marks.oldest(stamps) + self.marks.trust)
        if until <= now or not self.marks.match(stamps):
            return False
        held.good_until, held.epoch = until, self.marks.epoch
        self.guards[0].hits += 1
        return True

    async def version(self, name: str) -> bytes | None:
        """Return the version of what the last tier has under *name*, outdated or not."""
        reading = await self.authority.read([name])
        entry = reading.entries[0] if reading else None
        return entry.version if isinstance(entry, Entry) else None

    async def probe(self) -> None:
        """Ask each tier something small, so that trouble shows."""
        for guard in self.guards:
            await guard.read((), (ROOT,))

    async def stamps(self, names: Sequence[str]) -> dict[str, bytes]:
        """Return a token for each mark, from before now; marks that are new are made."""
        now = self._clock.monotonic()
        if self.marks.oldest(names) > now - self.marks.trust:
            known = self.marks.tokens(names)
            if len(known) == len(names):
                return known
        asked = self.marks.asking()
        made = {name: new_token() for name in names}
        outcome = await self.authority.apply(Change(make=made))
        if outcome is not None:
            self.marks.learn(outcome.marks, asked)
            return dict(outcome.marks)
        return made | self.marks.tokens(names)

    async def fill(self, name: str, entry: Entry, fence: Mapping[str, bytes]) -> bool:
        """Store a loaded entry unless it is outdated by now; return whether it is current."""
        asked = self.marks.asking()
        if self.marks.contradict(fence):
            return False
        outcome = await self.authority.apply(Change(put={name: entry}, expect=fence))
        if outcome is None:
            self.authority.owe(Change(drop=[name]))
        elif not outcome.done:
            self.marks.learn(outcome.marks, asked)
            return False
        await self._copy_up({name: entry}, self.lower[:-1])
        return not self.marks.contradict(fence)

    async def store(
        self, entries: Mapping[str, Entry], replacing: Mapping[str, bytes | None] | None = None
    ) -> bool:
        """Store entries; return False, and store none, if they replace other than expected."""
        slots = {slot(name): new_token() for name in entries}
        stamped = {n: self.stamped(e, slots[slot(n)], n) for n, e in entries.items()}
        change = Change(put=stamped, mark=slots, replacing=replacing or {})
        outcome = await self._change(change)
        if outcome is not None and not outcome.done:
            return False
        await self._copy_up(stamped, self.lower[:-1])
        return True

    async def drop(self, names: Sequence[str]) -> int:
        """Remove entries everywhere; return how many there were."""
        here = 0
        for name in names if self.near and self.lower else ():
            here += self._discard(name)
        slots = {slot(name): new_token() for name in names}
        outcome = await self._change(Change(drop=names, mark=slots))
        for guard in self.lower[:-1]:
            await guard.apply(Change(drop=names))
        return here if outcome is None else outcome.dropped

    async def touch(self, name: str, expires: int, version: bytes) -> bool:
        """Give an entry a new expiry, if it is still the one of that version."""
        change = Change(
            touch={name: expires}, mark={slot(name): new_token()}, replacing={name: version}
        )
        outcome = await self._change(change)
        return outcome is not None and outcome.done

    async def renew(self, names: Iterable[str]) -> None:
        """Give marks new tokens: everything stamped with the old ones is outdated."""
        await self._change(Change(mark={name: new_token() for name in names}))

    def stamped(self, entry: Entry, token: bytes, name: str) -> Entry:
        """Return *entry* with its slot's mark, which copies above the authority are checked by."""
        return entry.stamped({slot(name): token}) if self.lower else entry

    def owed(self) -> int:
        """Return how many changes wait for a tier to come back."""
        return sum(guard.owed for guard in self.guards)

    async def _change(self, change: Change) -> Outcome | None:
        self.marks.trim(self.authority.owed_marks)
        number = self.marks.change(change.mark)
        outcome = await self.authority.apply(change)
        if outcome is None:
            self.authority.owe(change)
        if outcome is None or outcome.done:
            self.marks.confirm(change.mark, number)
        return outcome

    async def _from_near(self, names: Sequence[str], found: dict[str, Found]) -> list[str]:
        if self.near is None:
            return list(names)
        now = self._clock.monotonic()
        held = {n: h for n in names if (h := self.near.peek(n)) and h.deadline > now}
        since = await self._settle([h.entry.stamps for h in held.values()])
        for name, one in held.items():
            until = self._good_until(one.entry.stamps, since)
            if until is not None:
                one.good_until, one.epoch = min(one.deadline, until), self.marks.epoch
                found[name] = Found(one.entry, one, self.guards[0].name)
                self.guards[0].hits += 1
            elif self.near.peek(name) is one:
                self._discard(name)
        missing = [name for name in names if name not in found]
        self.guards[0].misses += len(missing)
        return missing

    async def _from_lower(
        self, guard: Guard, names: Sequence[str], found: dict[str, Found], also: Sequence[str]
    ) -> list[str]:
        tokens: dict[str, bytes | None] = {}
        last = guard is self.authority
        ask = list({ROOT, *(slot(name) for name in names), *also}) if last else []
        asked = self.marks.asking()
        reading = await guard.read(names, ask)
        if reading is None:
            return list(names)
        if last:
            tokens = dict(zip(ask, reading.marks, strict=True))
            self.marks.learn(tokens, asked)
        read = dict(zip(names, reading.entries, strict=True))
        entries = {n: e for n, e in read.items() if e and not isinstance(e, Damaged)}
        good = await self._good(entries, whole=not last)
        if good and guard is not self.guards[0]:
            await self._promote(guard, {n: entries[n] for n in good}, tokens)
        for name in good:
            held = self._held(name, entries[name], good[name])
            found[name] = Found(entries[name], held, guard.name)
        guard.hits += len(good)
        guard.misses += len(names) - len(good)
        await self._report_damage(guard, [n for n, e in read.items() if isinstance(e, Damaged)])
        return [name for name in names if name not in good]

    async def _good(self, entries: Mapping[str, Entry], *, whole: bool) -> dict[str, float]:
        """Return until when each entry may be trusted, leaving out those that are outdated."""
        stamps = {
            name: e.stamps if whole else {n: t for n, t in e.stamps.items() if n[0] != "#"}
            for name, e in entries.items()
        }
        since = await self._settle(list(stamps.values()))
        verdicts = {name: self._good_until(some, since) for name, some in stamps.items()}
        return {name: until for name, until in verdicts.items() if until is not None}

    async def _settle(self, all_stamps: Sequence[Mapping[str, bytes]]) -> float:
        """Ask the authority where in doubt; return since when a token must be known to count."""
        since = self._clock.monotonic() - self.marks.trust
        doubtful: set[str] = set()
        for stamps in all_stamps:
            if self.marks.oldest(stamps) <= since or not self.marks.match(stamps):
                doubtful.update(stamps)
        if doubtful:
            names, asked = list(doubtful), self.marks.asking()
            reading = await self.authority.read((), names)
            if reading is not None:
                self.marks.learn(dict(zip(names, reading.marks, strict=True)), asked)
        return since

    def _good_until(self, stamps: Mapping[str, bytes], since: float) -> float | None:
        oldest = self.marks.oldest(stamps)
        if oldest >= since and self.marks.match(stamps):
            return oldest + self.marks.trust
        if self.authority.trouble is not None and not self.marks.contradict(stamps):
            return self._clock.monotonic() + self.marks.trust  # nobody can tell: serve on
        self.outdated += 1
        return None

    async def _promote(
        self, guard: Guard, entries: dict[str, Entry], tokens: Mapping[str, bytes | None]
    ) -> None:
        """Copy entries to the tiers above *guard*, stamped as of before they were read."""
        if guard is self.authority:
            lost = [slot(name) for name in entries if not tokens.get(slot(name))]
            if lost:
                await guard.apply(Change(make={name: new_token() for name in lost}))
            for name, entry in entries.items():
                entries[name] = self.stamped(entry, tokens.get(slot(name)) or new_token(), name)
        await self._copy_up(entries, self.lower[: self.lower.index(guard)])

    async def _copy_up(self, entries: Mapping[str, Entry], above: Sequence[Guard]) -> None:
        if not entries:
            return
        for guard in above:
            await guard.apply(Change(put=entries))
        if self.near is None or not self.lower:
            return
        for name, entry in entries.items():
            if not self.marks.contradict(entry.stamps):
                self.near.hold(name, entry)

    def _held(self, name: str, entry: Entry, until: float) -> Held | None:
        held = self.near.peek(name) if self.near else None
        if held is None or held.entry.version != entry.version:
            return None
        if not self.marks.contradict(held.entry.stamps):
            held.good_until, held.epoch = min(held.deadline, until), self.marks.epoch
        return held

    def _discard(self, name: str) -> int:
        if self.near is None or self.near.peek(name) is None:
            return 0
        self.near.discard(name)
        return 1

    async def _report_damage(self, guard: Guard, names: Sequence[str]) -> None:
        for name in names:
            self.corrupt += 1
            self._events.tell("corrupt", name, guard.name, "stored bytes do not match")
        if names:
            await guard.apply(Change(drop=names))


def _guards(tiers: Sequence[Tier], clock: Clock, events: Events) -> list[Guard]:
    def tell(event: str, tier: str, detail: str) -> None:
        events.tell("recover" if event == "recover" else "error", "", tier, detail)

    guards: list[Guard] = []
    for tier in tiers:
        same = sum(guard.tier.name == tier.name for guard in guards)
        name = f"{tier.name}_{same + 1}" if same else tier.name
        guards.append(Guard(tier, name, clock, tell))
    return guards
