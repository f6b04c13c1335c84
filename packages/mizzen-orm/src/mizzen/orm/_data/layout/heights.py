"""How far down each item of each layer stands: near its neighbours, never on one another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_ROUNDS = 12


@dataclass(frozen=True)
class Item:
    """A box, or the place where a line passes a layer (which is thin)."""

    height: float
    gap: float


Pull = tuple[str, float, str, float]
"""An item and the offset of a port on it; an item of the next layer and the offset there."""


def settled(
    layers: Sequence[Sequence[str]],
    items: Mapping[str, Item],
    pulls: Sequence[Sequence[Pull]],
) -> dict[str, float]:
    """Return each item's top; the topmost one is at 0."""
    tops: dict[str, float] = {}
    for layer in layers:
        tops |= _apart(layer, items, dict.fromkeys(layer, 0.0), {})
    for round_ in range(_ROUNDS):
        rightwards = round_ % 2 == 0
        steps = range(len(layers)) if rightwards else range(len(layers) - 1, -1, -1)
        for at in steps:
            near = [*(pulls[at - 1] if at else ()), *(pulls[at] if at < len(pulls) else ())]
            tops |= _moved(layers[at], items, near, tops)
    highest = min(tops.values(), default=0.0)
    return {name: top - highest for name, top in tops.items()}


def _moved(
    layer: Sequence[str], items: Mapping[str, Item], near: Sequence[Pull], tops: dict[str, float]
) -> dict[str, float]:
    own = set(layer)
    wishes: dict[str, list[float]] = {name: [] for name in layer}
    for left, left_offset, right, right_offset in near:
        if left in own:
            wishes[left].append(tops[right] + right_offset - left_offset)
        if right in own:
            wishes[right].append(tops[left] + left_offset - right_offset)
    wanted = {name: sum(wish) / len(wish) if wish else tops[name] for name, wish in wishes.items()}
    # A line that only passes is kept straight before a box is moved.
    weights = {
        name: 4.0 if items[name].height < 20 else max(0.2, float(len(wish)))
        for name, wish in wishes.items()
    }
    return _apart(layer, items, wanted, weights)


def _apart(
    layer: Sequence[str],
    items: Mapping[str, Item],
    wanted: Mapping[str, float],
    weights: Mapping[str, float],
) -> dict[str, float]:
    """Return the tops nearest to the wanted ones that keep the order and the gaps.

    Weighted least squares under an order: the pool-adjacent-violators algorithm.
    """
    starts: list[float] = []
    at = 0.0
    for number, name in enumerate(layer):
        if number:
            above = items[layer[number - 1]]
            at += above.height + max(above.gap, items[name].gap)
        starts.append(at)
    blocks: list[tuple[float, float, int]] = []  # mean shift, weight, items
    for start, name in zip(starts, layer, strict=True):
        shift, weight, count = wanted[name] - start, weights.get(name, 1.0), 1
        while blocks and blocks[-1][0] >= shift:
            other, other_weight, others = blocks.pop()
            total = weight + other_weight
            shift = (shift * weight + other * other_weight) / total
            weight, count = total, count + others
        blocks.append((shift, weight, count))
    shifts = [shift for shift, _weight, count in blocks for _one in range(count)]
    return {name: start + shift for name, start, shift in zip(layer, starts, shifts, strict=True)}
