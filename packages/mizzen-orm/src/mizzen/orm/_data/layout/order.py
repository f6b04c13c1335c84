"""The order of the items in each layer, from top to bottom, with few crossings.

Sugiyama's method: sweeps over the layers put each item at the mean height of its neighbours in the
layer before; the best order that was seen is kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

Edge = tuple[str, float, str, float]
"""An item of one layer and how far down it the line leaves (0 to 1); the same in the next one."""

_SWEEPS = 16


def ordered(layers: Sequence[Sequence[str]], edges: Sequence[Sequence[Edge]]) -> list[list[str]]:
    """Return the layers, reordered; `edges[n]` join layer n and layer n + 1."""
    now = [list(layer) for layer in layers]
    best, fewest = now, _all_crossings(now, edges)
    for sweep in range(_SWEEPS):
        rightwards = sweep % 2 == 0
        steps = range(1, len(now)) if rightwards else range(len(now) - 2, -1, -1)
        for at in steps:
            near = at - 1 if rightwards else at
            now = [*now[:at], _by_neighbours(now, at, edges[near], rightwards), *now[at + 1 :]]
        crossings = _all_crossings(now, edges)
        if crossings < fewest:
            best, fewest = now, crossings
    return best


def _by_neighbours(
    layers: list[list[str]], at: int, edges: Sequence[Edge], rightwards: bool
) -> list[str]:
    other = layers[at - 1 if rightwards else at + 1]
    height = {name: float(place) for place, name in enumerate(other)}
    drawn: dict[str, list[float]] = {name: [] for name in layers[at]}
    for left, left_part, right, right_part in edges:
        if rightwards:
            drawn[right].append(height[left] + left_part - right_part)
        else:
            drawn[left].append(height[right] + right_part - left_part)
    place = {name: at for at, name in enumerate(layers[at])}

    def wanted(name: str) -> tuple[float, int]:
        pulls = drawn[name]
        return (sum(pulls) / len(pulls) if pulls else float(place[name]), place[name])

    return sorted(layers[at], key=wanted)


def _all_crossings(layers: Sequence[Sequence[str]], edges: Sequence[Sequence[Edge]]) -> int:
    place = {name: float(at) for layer in layers for at, name in enumerate(layer)}
    count = 0
    for between in edges:
        ends = [
            (place[left] + left_part, place[right] + right_part)
            for left, left_part, right, right_part in between
        ]
        for number, (left, right) in enumerate(ends):
            count += sum((left - a) * (right - b) < 0 for a, b in ends[:number])
    return count
