"""Which layer each box goes to: what is referred to stands left of what refers to it.

The longest path gives the order; a layer that grows taller than the whole picture should be
passes boxes on to the next one (as Coffman and Graham's scheduling does), so that a table to which
everything refers does not make one endless column.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from .nets import Box

ASPECT = 1.5
GAP = 30.0
_CHANNEL = 90.0


def components(names: Iterable[str], pairs: Iterable[tuple[str, str]]) -> list[list[str]]:
    """Return the names in groups that hang together, in their given order."""
    group = {name: [name] for name in names}
    order = {name: place for place, name in enumerate(group)}
    for one, other in pairs:
        if group[one] is not group[other]:
            joined = sorted(group[one] + group[other], key=order.__getitem__)
            for name in joined:
                group[name] = joined
    return list({id(members): members for members in group.values()}.values())


def acyclic(names: Iterable[str], pairs: Iterable[tuple[str, str]]) -> set[tuple[str, str]]:
    """Return *pairs* with as many turned round as a walk finds to close circles."""
    after: dict[str, list[str]] = {name: [] for name in names}
    for one, other in pairs:
        if one != other and other not in after[one]:
            after[one].append(other)
    kept: set[tuple[str, str]] = set()
    state: dict[str, int] = {}
    targets = {other for others in after.values() for other in others}
    # Begin where nothing arrives: those are certainly at the left.
    for root in sorted(after, key=lambda name: (name in targets, -len(after[name]))):
        if root in state:
            continue
        state[root] = 1
        path = [(root, iter(after[root]))]
        while path:
            name, others = path[-1]
            following = next(others, None)
            if following is None:
                state[name] = 2
                path.pop()
                continue
            closes = state.get(following) == 1
            kept.add((following, name) if closes else (name, following))
            if following not in state:
                state[following] = 1
                path.append((following, iter(after[following])))
    return kept


def assign(boxes: Mapping[str, Box], pairs: set[tuple[str, str]]) -> list[list[str]]:
    """Set each box's layer, and return the layers; *pairs* go from left to right."""
    before: dict[str, list[str]] = {name: [] for name in boxes}
    after: dict[str, list[str]] = {name: [] for name in boxes}
    for one, other in sorted(pairs):
        before[other].append(one)
        after[one].append(other)
    area = sum((box.width + _CHANNEL) * (box.height + GAP) for box in boxes.values())
    most = max(math.sqrt(area / ASPECT), *(box.height for box in boxes.values()), 1.0)
    used: list[float] = []
    for name in _topological(boxes, before, after):
        box = boxes[name]
        layer = max((boxes[other].layer + 1 for other in before[name]), default=0)
        while layer < len(used) and used[layer] + GAP + box.height > most:
            layer += 1
        used += [-GAP] * (layer + 1 - len(used))
        used[layer] += GAP + box.height
        box.layer = layer
    _pull_right(boxes, before, after, used, most)
    return _gathered(boxes)


def _topological(
    boxes: Mapping[str, Box], before: Mapping[str, list[str]], after: Mapping[str, list[str]]
) -> list[str]:
    depth: dict[str, int] = {}
    waiting = {name: len(before[name]) for name in boxes}
    ready = [name for name in boxes if not waiting[name]]
    for name in ready:
        depth[name] = max((depth[other] + 1 for other in before[name]), default=0)
        for other in after[name]:
            waiting[other] -= 1
            if not waiting[other]:
                ready.append(other)
    # Of one depth those come first that others wait for: they get the places further left.
    return sorted(depth, key=lambda name: (depth[name], -len(after[name])))


def _pull_right(
    boxes: Mapping[str, Box],
    before: Mapping[str, list[str]],
    after: Mapping[str, list[str]],
    used: list[float],
    most: float,
) -> None:
    # A table that refers to little stands next to those that refer to it, not far left of them.
    for name in sorted(boxes, key=lambda name: -boxes[name].layer):
        box = boxes[name]
        if not after[name] or len(before[name]) >= len(after[name]):
            continue
        for layer in range(min(boxes[other].layer for other in after[name]) - 1, box.layer, -1):
            if used[layer] + GAP + box.height <= most:
                used[box.layer] -= GAP + box.height
                used[layer] += GAP + box.height
                box.layer = layer
                break


def _gathered(boxes: Mapping[str, Box]) -> list[list[str]]:
    numbers = sorted({box.layer for box in boxes.values()})
    for box in boxes.values():
        box.layer = numbers.index(box.layer)
    return [[name for name, box in boxes.items() if box.layer == at] for at in range(len(numbers))]
