"""The order of vertical pieces between two layers: few lines cross, and none coincide."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_TOUCH = 5.0
_COINCIDE = 8
_ROUNDS = 6


@dataclass(frozen=True)
class Bundle:
    """What one net does between two layers: where it comes in, and where it leaves."""

    lefts: tuple[float, ...]
    rights: tuple[float, ...]

    @property
    def top(self) -> float:
        """The upper end of the vertical piece."""
        return min(*self.lefts, *self.rights, self.lefts[0])

    @property
    def bottom(self) -> float:
        """The lower end of the vertical piece."""
        return max(*self.lefts, *self.rights, self.lefts[0])


def arranged(bundles: Sequence[Bundle]) -> list[int]:
    """Return the track of each bundle, counted from the left."""
    order = sorted(range(len(bundles)), key=lambda at: (-bundles[at].lefts[0], at))
    for _round in range(_ROUNDS):
        changed = False
        for at in range(len(order) - 1):
            one, other = bundles[order[at]], bundles[order[at + 1]]
            if _cost(other, one) < _cost(one, other):
                order[at], order[at + 1] = order[at + 1], order[at]
                changed = True
        if not changed:
            break
    tracks = [0] * len(bundles)
    for track, at in enumerate(order):
        tracks[at] = track
    return tracks


def _cost(left: Bundle, right: Bundle) -> int:
    """Count what goes wrong when *left* has the track left of *right*'s."""
    crossings = sum(right.top < y < right.bottom for y in left.rights)
    crossings += sum(left.top < y < left.bottom for y in right.lefts)
    together = sum(abs(y - z) < _TOUCH for y in left.rights for z in right.lefts)
    return crossings + _COINCIDE * together
