"""What every tier promises, as tests to inherit; a frozen clock; a tier that fails on demand.

Needs pytest and anyio's pytest plugin. Subclass `TierContract` and give it a `tier` fixture.
"""

from __future__ import annotations

import asyncio
import itertools
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import pytest

from ._entry import NEVER
from ._errors import TierUnavailable
from .abc import Change, Clock, Entry, Outcome, Reading, Tier

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Generator, Mapping, Sequence

__all__ = ["FaultyTier", "FrozenClock", "TierContract"]

_START: Final = 1_800_000_000.0


class FrozenClock:
    """A clock that moves only when told to."""

    def __init__(self, now: float = _START) -> None:
        self._now = now
        self._jump = 0.0

    def time(self) -> float:
        """Return seconds since 1970."""
        return self._now + self._jump

    def monotonic(self) -> float:
        """Return seconds that never run backwards."""
        return self._now

    def move(self, seconds: float) -> None:
        """Let time pass."""
        self._now += seconds

    def jump(self, seconds: float) -> None:
        """Set the wall clock forwards or back; the monotonic one does not move."""
        self._jump += seconds


class FaultyTier:
    """A tier around another one, which fails, hangs or loses answers while told to."""

    def __init__(self, tier: Tier) -> None:
        self._tier = tier
        self.name: str = tier.name
        self.patience: float = min(tier.patience, 0.2)
        self.calls: int = 0
        """How many calls reached this tier, failed or not."""
        self._broken = self._hanging = self._losing = False

    @contextmanager
    def failing(self) -> Generator[None]:
        """Refuse every call."""
        self._broken = True
        yield
        self._broken = False

    @contextmanager
    def hanging(self) -> Generator[None]:
        """Never answer, as a blackholed server."""
        self._hanging = True
        yield
        self._hanging = False

    @contextmanager
    def losing_answers(self) -> Generator[None]:
        """Make each change, then fail to say so."""
        self._losing = True
        yield
        self._losing = False

    async def start(self, clock: Clock) -> None:
        """Start the tier inside."""
        await self._fault()
        await self._tier.start(clock)

    async def aclose(self) -> None:
        """Close the tier inside."""
        await self._tier.aclose()

    async def read(self, keys: Sequence[str], marks: Sequence[str] = ()) -> Reading:
        """Read, or fail."""
        await self._fault()
        return await self._tier.read(keys, marks)

    async def apply(self, change: Change) -> Outcome:
        """Change, or fail."""
        await self._fault()
        outcome = await self._tier.apply(change)
        if self._losing:
            raise TierUnavailable("the answer was lost")
        return outcome

    def gauges(self) -> Mapping[str, float]:
        """Return the gauges of the tier inside."""
        return self._tier.gauges()

    async def _fault(self) -> None:
        self.calls += 1
        if self._broken:
            raise TierUnavailable("broken on purpose")
        if self._hanging:
            await asyncio.Event().wait()


class TierContract:
    """What every tier promises."""

    @pytest.fixture
    def clock(self) -> FrozenClock:
        """The clock that the tier is started with."""
        return FrozenClock()

    @pytest.fixture
    async def tier(self) -> Tier:
        """Return a fresh tier, not started."""
        raise NotImplementedError

    @pytest.fixture
    async def opened(self, tier: Tier, clock: FrozenClock) -> AsyncIterator[Tier]:
        """The tier, started."""
        await tier.start(clock)
        yield tier
        await tier.aclose()

    def _entry(self, body: bytes = b"\x01", expires: int = NEVER, **stamps: bytes) -> Entry:
        return Entry(body, expires, stamps)

    async def _stored(self, tier: Tier, key: str) -> Entry | None:
        entry = (await tier.read([key])).entries[0]
        assert entry is None or isinstance(entry, Entry)
        return entry

    async def test_what_was_never_stored_is_absent(self, opened: Tier) -> None:
        assert await opened.read(["k"], ["m"]) == Reading([None], [None])

    async def test_an_entry_comes_back_as_it_was(self, opened: Tier) -> None:
        entry = self._entry(b"\xa3abc", root=b"12345678", tag=b"\x00\xff\x00\xff\x00\xff\x00\xff")
        await opened.apply(Change(put={"k": entry}))
        assert await self._stored(opened, "k") == entry

    async def test_bodies_large_and_empty_come_back(self, opened: Tier) -> None:
        large, empty = self._entry(bytes(range(256)) * 2000), self._entry(b"")
        await opened.apply(Change(put={"large": large, "empty": empty}))
        assert (await opened.read(["empty", "large"])).entries == [empty, large]

    async def test_the_last_write_wins(self, opened: Tier) -> None:
        for body in (b"\x01", b"\x02"):
            await opened.apply(Change(put={"k": self._entry(body)}))
        stored = await self._stored(opened, "k")
        assert stored is not None
        assert stored.body == b"\x02"

    async def test_entries_are_answered_in_the_order_asked(self, opened: Tier) -> None:
        entries = {f"k{n}": self._entry(bytes([n])) for n in range(20)}
        await opened.apply(Change(put=entries))
        asked = ["k7", "none", "k3", "k19"]
        assert (await opened.read(asked)).entries == [entries.get(key) for key in asked]

    async def test_an_entry_is_gone_after_its_ttl(self, opened: Tier, clock: FrozenClock) -> None:
        await opened.apply(Change(put={"k": self._entry(expires=_in(clock, 10))}))
        clock.move(9.9)
        assert await self._stored(opened, "k") is not None
        clock.move(0.2)
        assert await self._stored(opened, "k") is None

    async def test_an_expiry_in_the_far_future_is_kept(self, opened: Tier) -> None:
        await opened.apply(Change(put={"k": self._entry(expires=NEVER - 1)}))
        stored = await self._stored(opened, "k")
        assert stored is not None
        assert stored.expires == NEVER - 1

    async def test_drop_says_how_many_there_were(self, opened: Tier) -> None:
        await opened.apply(Change(put={"a": self._entry(), "b": self._entry()}))
        assert (await opened.apply(Change(drop=["a", "b", "c"]))).dropped == 2
        assert (await opened.read(["a", "b"])).entries == [None, None]

    async def test_touch_moves_the_expiry_and_nothing_else(
        self, opened: Tier, clock: FrozenClock
    ) -> None:
        entry = self._entry(expires=_in(clock, 10))
        await opened.apply(Change(put={"k": entry}))
        await opened.apply(Change(touch={"k": _in(clock, 100), "none": NEVER}))
        clock.move(50)
        stored = await self._stored(opened, "k")
        assert stored is not None
        assert (stored.body, stored.version) == (entry.body, entry.version)
        assert await self._stored(opened, "none") is None

    async def test_touch_does_not_raise_the_dead(self, opened: Tier, clock: FrozenClock) -> None:
        await opened.apply(Change(put={"k": self._entry(expires=_in(clock, 10))}))
        clock.move(11)
        await opened.apply(Change(touch={"k": NEVER}))
        assert await self._stored(opened, "k") is None

    async def test_a_mark_is_set_or_made_once(self, opened: Tier) -> None:
        first = await opened.apply(Change(make={"m": b"11111111"}))
        again = await opened.apply(Change(make={"m": b"22222222"}))
        assert (first.marks, again.marks) == ({"m": b"11111111"}, {"m": b"11111111"})
        await opened.apply(Change(mark={"m": b"33333333"}))
        assert (await opened.read([], ["m"])).marks == [b"33333333"]

    async def test_marks_and_entries_do_not_meet(self, opened: Tier) -> None:
        await opened.apply(Change(put={"same": self._entry()}, mark={"same": b"11111111"}))
        await opened.apply(Change(drop=["same"]))
        assert await opened.read(["same"], ["same"]) == Reading([b"11111111"], [None])

    async def test_a_change_happens_whole_or_not_at_all(self, opened: Tier) -> None:
        await opened.apply(Change(mark={"m": b"11111111"}, put={"k": self._entry(b"\x01")}))
        refused = await opened.apply(
            Change(
                expect={"m": b"22222222"},
                put={"k": self._entry(b"\x02")},
                mark={"n": b"33333333"},
                drop=["k"],
            )
        )
        assert (refused.done, refused.marks) == (False, {"m": b"11111111"})
        stored = await self._stored(opened, "k")
        assert stored is not None
        assert stored.body == b"\x01"
        assert (await opened.read([], ["n"])).marks == [None]

    async def test_a_mark_that_is_missing_is_not_what_was_expected(self, opened: Tier) -> None:
        refused = await opened.apply(Change(expect={"m": b"1"}, put={"k": self._entry()}))
        assert not refused.done
        assert await self._stored(opened, "k") is None

    async def test_a_fenced_write_loses_to_an_invalidation(self, opened: Tier) -> None:
        made = await opened.apply(Change(make={"m": b"11111111"}))
        await opened.apply(Change(mark={"m": b"22222222"}))
        assert not (await opened.apply(Change(expect=made.marks, put={"k": self._entry()}))).done

    async def test_replacing_compares_versions(self, opened: Tier, clock: FrozenClock) -> None:
        first, second = self._entry(b"\x01", _in(clock, 10)), self._entry(b"\x02")
        assert (await opened.apply(Change(put={"k": first}, replacing={"k": None}))).done
        assert not (await opened.apply(Change(put={"k": second}, replacing={"k": None}))).done
        assert not (
            await opened.apply(Change(put={"k": second}, replacing={"k": b"8bytes.."}))
        ).done
        assert (await opened.apply(Change(put={"k": second}, replacing={"k": first.version}))).done

    async def test_what_expired_counts_as_absent_when_replacing(
        self, opened: Tier, clock: FrozenClock
    ) -> None:
        await opened.apply(Change(put={"k": self._entry(expires=_in(clock, 10))}))
        clock.move(11)
        assert (await opened.apply(Change(put={"k": self._entry()}, replacing={"k": None}))).done

    async def test_of_many_who_add_one_succeeds(self, opened: Tier) -> None:
        adds = [
            opened.apply(Change(put={"k": self._entry()}, replacing={"k": None})) for _ in range(20)
        ]
        assert sum(outcome.done for outcome in await asyncio.gather(*adds)) == 1

    async def test_many_keys_and_marks_in_one_call(self, opened: Tier) -> None:
        entries = {f"k{n}": self._entry() for n in range(1200)}
        await opened.apply(Change(put=entries, mark={f"m{n}": b"11111111" for n in range(1200)}))
        reading = await opened.read(list(entries), [f"m{n}" for n in range(1200)])
        assert reading.entries == list(entries.values())
        assert set(reading.marks) == {b"11111111"}

    async def test_it_starts_again_after_closing(self, opened: Tier, clock: FrozenClock) -> None:
        for _ in itertools.repeat(None, 2):
            await opened.aclose()
            await opened.aclose()
            await opened.start(clock)
        await opened.apply(Change(put={"k": self._entry()}))
        assert await self._stored(opened, "k") is not None


def _in(clock: FrozenClock, seconds: float) -> int:
    return int((clock.time() + seconds) * 1000)
