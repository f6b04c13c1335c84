"""What a tier must be able to do; `mizzen.cache.testing.TierContract` says what it must promise."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from ._entry import DAMAGED, NEVER, Damaged, Entry

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = [
    "DAMAGED",
    "NEVER",
    "Change",
    "Clock",
    "Damaged",
    "Entry",
    "Held",
    "NearTier",
    "Outcome",
    "Reading",
    "Tier",
]

_Tokens = dict[str, bytes]


class Clock(Protocol):
    """Where time comes from: the module `time`, or `mizzen.cache.testing.FrozenClock`."""

    def time(self) -> float:
        """Return seconds since 1970."""
        ...

    def monotonic(self) -> float:
        """Return seconds that never run backwards."""
        ...


@dataclass(frozen=True, slots=True)
class Reading:
    """What a read found, in the order asked: tokens of marks, and entries."""

    marks: Sequence[bytes | None]
    entries: Sequence[Entry | Damaged | None]


@dataclass(frozen=True, slots=True)
class Change:
    """One atomic change of a tier: both conditions hold and all of it happens, or none of it does.

    *Marks* are named random tokens, one for each generation. A tier may forget a mark at any time
    (what was stamped with it is then stale), but must never return an earlier token again.
    """

    put: Mapping[str, Entry] = field(default_factory=dict[str, Entry])
    drop: Sequence[str] = ()
    touch: Mapping[str, int] = field(default_factory=dict[str, int])
    """New expiry of entries, in milliseconds since 1970."""
    mark: Mapping[str, bytes] = field(default_factory=_Tokens)
    """Marks to set."""
    make: Mapping[str, bytes] = field(default_factory=_Tokens)
    """Marks to set where there are none."""
    expect: Mapping[str, bytes] = field(default_factory=_Tokens)
    """Condition: these marks are still these tokens."""
    replacing: Mapping[str, bytes | None] = field(default_factory=dict[str, "bytes | None"])
    """Condition: these entries still have this version; None where there must be none."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a change; `marks` has the current tokens of `make` and `expect`."""

    done: bool
    dropped: int = 0
    evicted: int = 0
    oversized: int = 0
    marks: Mapping[str, bytes] = field(default_factory=_Tokens)


@runtime_checkable
class Tier(Protocol):
    """A place for entries. Keys arrive short and printable; expired entries count as absent.

    Failures of the medium raise `TierUnavailable`; anything else is a bug.
    """

    @property
    def name(self) -> str:
        """What statistics and events call it: "memory", "sqlite", …"""
        ...

    @property
    def patience(self) -> float:
        """Seconds after which the cache gives up on one call."""
        ...

    async def start(self, clock: Clock) -> None:
        """Open what has to be open; may be called again after `aclose`."""
        ...

    async def aclose(self) -> None:
        """Let go of everything, in bounded time; idempotent."""
        ...

    async def read(self, keys: Sequence[str], marks: Sequence[str] = ()) -> Reading:
        """Return marks and entries; no mark is read later than any entry."""
        ...

    async def apply(self, change: Change) -> Outcome:
        """Make one atomic change."""
        ...

    def gauges(self) -> Mapping[str, float]:
        """Return sizes known without I/O: `entries`, `bytes`, as far as the tier has them."""
        ...


class Held:
    """An entry in a near tier, its value decoded once, and until when it may be served."""

    __slots__ = ("deadline", "decoded_as", "entry", "epoch", "good_until", "value")

    def __init__(self, entry: Entry, deadline: float) -> None:
        self.entry: Entry = entry
        self.deadline: float = deadline
        """Monotonic seconds at which the entry expires."""
        self.good_until: float = 0.0
        """Monotonic seconds until which nothing needs to be checked, while `epoch` is current."""
        self.epoch: int = -1
        self.decoded_as: object = Held
        """The type that `value` was decoded as; Held itself while nothing is decoded."""
        self.value: object = None


@runtime_checkable
class NearTier(Tier, Protocol):
    """The optional power of a tier in this process: entries as objects, without waiting."""

    def peek(self, key: str) -> Held | None:
        """Return what is held, expired or not."""
        ...

    def hold(self, key: str, entry: Entry) -> Held:
        """Keep an entry."""
        ...

    def discard(self, key: str) -> None:
        """Forget an entry, if it is there."""
        ...

    def wipe(self) -> None:
        """Forget all entries; marks stay."""
        ...
