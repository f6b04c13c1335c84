"""What this process knows of the generations, and for how long it may rely on it.

The last tier holds the truth. This table remembers tokens read from it for a short *trust* window,
and this process's own invalidations at once: a token changed here is never overwritten by a reading
that was asked for before the change.
"""

from __future__ import annotations

import os
import zlib
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from .abc import Clock

ROOT: Final = "*"
"""The mark that every entry depends on; `clear` renews it."""

_SLOTS: Final = 1 << 14
_MOST: Final = 200_000  # tokens remembered; about 30 MB at worst


def new_token() -> bytes:
    """Return a token that was never current before."""
    return os.urandom(8)


def slot(name: str) -> str:
    """Return the mark that a key shares with one in 16,384 others.

    Writing or deleting a key renews it. It fences loads of that key, and tells copies in upper
    tiers that they may be outdated; a neighbour's copy is then merely fetched again from the tier
    below.
    """
    return f"#{zlib.crc32(name.encode()) % _SLOTS}"


class _Known:
    __slots__ = ("asked", "changed", "token")

    def __init__(self, token: bytes, asked: float, changed: int) -> None:
        self.token, self.asked, self.changed = token, asked, changed


class Marks:
    """The table. `epoch` moves whenever a known token becomes another one."""

    def __init__(self, trust: float, clock: Clock) -> None:
        self.trust, self.epoch = trust, 0
        self._clock = clock
        self._known: dict[str, _Known] = {}
        self._changes = 0
        self._floor = 0

    def asking(self) -> tuple[float, int]:
        """Return what `learn` needs to know about the moment before a reading was asked for."""
        return self._clock.monotonic(), self._changes

    def learn(self, tokens: Mapping[str, bytes | None], asked: tuple[float, int]) -> None:
        """Take over tokens read from the last tier; an absent one, as b"", equals no stamp."""
        at, changes = asked
        for name, token in tokens.items():
            known = self._known.get(name)
            if changes < (known.changed if known else self._floor):
                continue
            if known is None:
                self._known[name] = _Known(token or b"", at, 0)
                self.epoch += 1
            else:
                if known.token != (token or b""):
                    known.token = token or b""
                    self.epoch += 1
                known.asked = max(at, known.asked)

    def change(self, tokens: Mapping[str, bytes]) -> int:
        """Take over tokens that this process makes current; effective at once.

        Return a number for `confirm`.
        """
        self._changes += 1
        self.epoch += 1
        now = self._clock.monotonic()
        for name, token in tokens.items():
            self._known[name] = _Known(token, now, self._changes)
        return self._changes

    def confirm(self, tokens: Mapping[str, bytes], change: int) -> None:
        """Note that a change is made: what was read while it was under way may have been older.

        A name that this process changed again since keeps the newer token.
        """
        still = {
            name: token
            for name, token in tokens.items()
            if (known := self._known.get(name)) is None or known.changed <= change
        }
        self.change(still)

    def match(self, stamps: Mapping[str, bytes]) -> bool:
        """Return whether every stamp equals the token known; False if one is unknown."""
        known = self._known
        return all((k := known.get(n)) is not None and k.token == t for n, t in stamps.items())

    def contradict(self, stamps: Mapping[str, bytes]) -> bool:
        """Return whether some stamp differs from a token known."""
        known = self._known
        return any((k := known.get(n)) is not None and k.token != t for n, t in stamps.items())

    def oldest(self, names: Iterable[str]) -> float:
        """Return when (monotonic) the oldest of these was asked for; -inf if one is unknown."""
        known = self._known
        return min(
            (k.asked if (k := known.get(name)) else float("-inf") for name in names),
            default=float("inf"),
        )

    def tokens(self, names: Iterable[str]) -> dict[str, bytes]:
        """Return the tokens known and present, of these names."""
        known = self._known
        return {n: k.token for n in names if (k := known.get(n)) is not None and k.token}

    def trim(self, keep: Mapping[str, bytes]) -> None:
        """Forget all but *keep* once the table has grown too large; it is read again on demand."""
        if len(self._known) > _MOST:
            self._known = {n: k for n, k in self._known.items() if n in keep}
            self._floor = self._changes
            self.epoch += 1
