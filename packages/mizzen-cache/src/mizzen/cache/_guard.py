"""A tier behind a circuit breaker: a failing one costs one timeout in all, until it is back.

What had to reach the tier meanwhile (invalidations, and keys whose stored value is outdated) is
kept and delivered before anything else is asked of it.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import TYPE_CHECKING, Final, TypeVar

from ._errors import TierUnavailable
from ._marks import ROOT, new_token
from .abc import Change, Clock, Outcome, Reading, Tier

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

T = TypeVar("T")

_log = logging.getLogger("mizzen.cache")

_FIRST_PAUSE: Final = 0.5  # seconds; doubles with each failed trial
_LONGEST_PAUSE: Final = 15.0
_OWED: Final = (
    10_000  # keys remembered while a tier is away; beyond that it is cleared on its return
)


class Guard:
    """One lower tier. Its calls return None while the tier cannot be used."""

    def __init__(
        self, tier: Tier, name: str, clock: Clock, tell: Callable[[str, str, str], None]
    ) -> None:
        self.tier, self.name = tier, name
        self.hits = self.misses = self.errors = self.evictions = 0
        self.trouble: str | None = None
        """What is wrong, in words; None while the tier works."""
        self.owed_marks: dict[str, bytes] = {}
        self._owed_drops: set[str] = set()
        self._clock, self._tell = clock, tell
        self._pause, self._again, self._trying = _FIRST_PAUSE, 0.0, False
        self._started = False

    async def start(self) -> None:
        """Open the tier; one that cannot be opened is tried again later."""
        self.trouble, self._pause, self._again = None, _FIRST_PAUSE, 0.0
        await self._call(lambda: self._open())

    async def aclose(self) -> None:
        """Deliver what is owed if the tier answers, then close it."""
        if self.owed and self._started:
            with suppress(TierUnavailable):
                await self._in_time(self._settle)
        if self.owed:
            _log.warning("tier %s closed with %d undelivered invalidations", self.name, self.owed)
        self._started = False
        await self.tier.aclose()

    async def read(self, keys: Sequence[str], marks: Sequence[str] = ()) -> Reading | None:
        """Return what the tier has, or None while it is away."""
        return await self._call(lambda: self.tier.read(keys, marks))

    async def apply(self, change: Change) -> Outcome | None:
        """Make a change, or return None while the tier is away; see `owe`."""
        outcome = await self._call(lambda: self.tier.apply(change))
        if outcome is not None:
            self.evictions += outcome.evicted
        return outcome

    def owe(self, change: Change) -> None:
        """Keep of a failed change what must not be lost: marks, and which keys are outdated."""
        self.owed_marks |= change.mark
        self._owed_drops.update(change.drop, change.put, change.touch)
        if len(self._owed_drops) > _OWED:
            self._owed_drops.clear()
            self.owed_marks = {ROOT: new_token()}

    @property
    def owed(self) -> int:
        """How many marks and keys wait for the tier to return."""
        return len(self.owed_marks) + len(self._owed_drops)

    async def _call(self, ask: Callable[[], Awaitable[T]]) -> T | None:
        if self.trouble is not None or self.owed:
            if self._trying or self._clock.monotonic() < self._again:
                return None
            return await self._try_again(ask)
        try:
            return await self._in_time(ask)
        except TierUnavailable as exc:
            self._open_circuit(exc)
            return None

    async def _try_again(self, ask: Callable[[], Awaitable[T]]) -> T | None:
        self._trying = True
        try:
            if not self._started:
                await self._in_time(self._open)
            await self._in_time(self._settle)
            result = await self._in_time(ask)
        except TierUnavailable as exc:
            self._open_circuit(exc)
            return None
        finally:
            self._trying = False
        if self.trouble is not None:
            _log.info("tier %s is back", self.name)
            self._tell("recover", self.name, "")
        self.trouble, self._pause = None, _FIRST_PAUSE
        return result

    async def _in_time(self, ask: Callable[[], Awaitable[T]]) -> T:
        if self.tier.patience == float("inf"):
            return await ask()
        try:
            async with asyncio.timeout(self.tier.patience):
                return await ask()
        except TimeoutError as exc:
            raise TierUnavailable(f"no answer within {self.tier.patience:g} s") from exc

    async def _open(self) -> None:
        await self.tier.start(self._clock)
        self._started = True

    async def _settle(self) -> None:
        marks, drops = dict(self.owed_marks), list(self._owed_drops)
        if not marks and not drops:
            return
        await self.tier.apply(Change(mark=marks, drop=drops))
        self._owed_drops.difference_update(drops)
        self.owed_marks = {n: t for n, t in self.owed_marks.items() if marks.get(n) != t}

    def _open_circuit(self, exc: TierUnavailable) -> None:
        self.errors += 1
        if self.trouble is None:
            _log.warning("tier %s is left out for now: %s", self.name, exc)
        else:
            self._pause = min(self._pause * 2, _LONGEST_PAUSE)
        self.trouble = str(exc)
        self._again = self._clock.monotonic() + self._pause
        self._tell("error", self.name, self.trouble)
