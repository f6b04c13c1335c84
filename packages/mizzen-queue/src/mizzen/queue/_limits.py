"""What keeps jobs apart: one of a kind, so many at once, so many in a while, each in turn."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ._errors import BadArguments, BadJob
from ._units import Duration, seconds
from .abc import Gate

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Limit", "Rate", "Unique"]

Key = str | Callable[..., object]


@dataclass(frozen=True)
class Unique:
    """While one such job waits or runs, enqueuing another gives the first.

    *key* says which are the same: a text with arguments, as `"user:{id}"`, or a function of the
    arguments; by default all arguments count. Keys are of one kind of job each. With
    *until="started"*, one that runs already doesn't count; with *within*, one that ended does,
    if it was enqueued less than that ago.
    """

    key: Key | None = None
    until: str = "ended"
    within: Duration | None = None

    def __post_init__(self) -> None:
        if self.until not in ("ended", "started"):
            raise BadJob(f"Unique(until={self.until!r}): write 'ended' or 'started'")
        if self.within is not None:
            seconds(self.within)
            if self.until == "started":
                raise BadJob("Unique(until='started') forgets a job that starts: leave within= out")


@dataclass(frozen=True)
class Limit:
    """At most *max* run at once, on all workers together, of those with the same *key*.

    Without a key, it counts the jobs of its own kind. Kinds that write the same key share it.
    """

    max: int
    key: Key | None = None

    def __post_init__(self) -> None:
        if self.max < 1:
            raise BadJob(f"Limit(max={self.max}): at least one must run; to stop all, use q.pause")


@dataclass(frozen=True)
class Rate:
    """At most *max* start in any *per*, on all workers together; *key* is as for Limit."""

    max: int
    per: Duration = "1s"
    key: Key | None = None

    def __post_init__(self) -> None:
        if self.max < 1 or seconds(self.per) <= 0:
            raise BadJob(f"Rate({self.max}, {self.per!r}): at least one, in more than no time")


_RATE = re.compile(r"\s*(\d+)\s*/\s*(.+)")


def as_rate(rate: str | Rate | None) -> Rate | None:
    """Read `"10/s"` or `"100/5m"`."""
    if rate is None or isinstance(rate, Rate):
        return rate
    match = _RATE.fullmatch(rate)
    if match is None:
        raise BadJob(f"rate={rate!r}: write it like '10/s', '100/5m', or Rate(10, per='1s')")
    per = match[2].strip()
    return Rate(int(match[1]), per if per[0].isdigit() else f"1{per}")


@dataclass(frozen=True)
class Limits:
    """The limits of one kind of job."""

    kind: str
    unique: Unique | None = None
    concurrency: Limit | None = None
    rate: Rate | None = None
    fair: Key | None = None

    @property
    def gate(self) -> Gate:
        """What the store enforces when it claims."""
        return Gate(
            self.concurrency.max if self.concurrency else 0,
            self.rate.max if self.rate else 0,
            seconds(self.rate.per) if self.rate else 0.0,
        )

    def keys(self, args: str, given: Callable[[], Mapping[str, Any]]) -> dict[str, Any]:
        """Return the fields of NewJob that these limits fill; *given* are the arguments."""
        fields: dict[str, Any] = {}
        if self.unique is not None:
            key = self.unique.key
            of_args = hashlib.sha256(args.encode()).hexdigest()[:32]
            text = of_args if key is None else self._text(key, given)
            fields["unique_key"] = f"{self.kind}:{text}"
            fields["unique_until_start"] = self.unique.until == "started"
            if self.unique.within is not None:
                fields["unique_for"] = seconds(self.unique.within)
        if self.concurrency is not None:
            fields["limit_key"] = self._shared(self.concurrency.key, given)
        if self.rate is not None:
            fields["rate_key"] = self._shared(self.rate.key, given)
        if self.fair is not None:
            fields["fair_key"] = self._text(self.fair, given)
        return fields

    def _shared(self, key: Key | None, given: Callable[[], Mapping[str, Any]]) -> str:
        return self.kind if key is None else self._text(key, given)

    def _text(self, key: Key, given: Callable[[], Mapping[str, Any]]) -> str:
        try:
            text = key.format_map(given()) if isinstance(key, str) else str(key(**given()))
        except Exception as exc:
            raise BadArguments(f"{self.kind}: no key could be made of {key!r}: {exc!r}") from exc
        return text.replace("\0", "\N{SYMBOL FOR NULL}")
