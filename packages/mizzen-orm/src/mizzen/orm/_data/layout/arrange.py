"""The whole layout: groups of boxes that hang together, layer by layer, then side by side."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .heights import Item, settled
from .layers import ASPECT, GAP, acyclic, assign, components
from .nets import Box, Net, Port, Wire
from .order import ordered
from .tracks import Bundle, arranged

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_STUB = 24.0  # room for the sign at a line's end
_TRACK = 11.0
_PASS = 10.0
_APART = 46.0

Points = list[tuple[float, float]]


@dataclass(frozen=True)
class Joint:
    """A link to lay out: child's port, parent's port; which one is left is decided here."""

    child: Port
    parent: Port
    label: str


@dataclass
class Picture:
    """The result: boxes with places, and each wire with the corners of its line."""

    boxes: dict[str, Box]
    lines: list[tuple[Wire, Points]]
    width: float
    height: float


def arrange(boxes: Sequence[Box], joints: Sequence[Joint]) -> Picture:
    """Place the boxes and lead a line along every joint; the same input gives the same picture."""
    known = {box.name: box for box in boxes}
    pairs = [(joint.parent.box, joint.child.box) for joint in joints]
    parts = [
        _group(
            {name: known[name] for name in names},
            [joint for joint in joints if joint.child.box in set(names)],
        )
        for names in components(known, pairs)
    ]
    return _packed(parts)


def _group(boxes: dict[str, Box], joints: list[Joint]) -> Picture:
    pairs = acyclic(boxes, [(joint.parent.box, joint.child.box) for joint in joints])
    layers = assign(boxes, pairs)
    nets = _nets(boxes, joints)
    layers = _with_passes(layers, nets)
    items = {name: Item(box.height, GAP) for name, box in boxes.items()}
    for number, net in enumerate(nets):
        for at in range(net.first + 1, net.last):
            items[_pass(number, at)] = Item(_PASS / 2, _PASS)
    pulls = [_pulls(boxes, nets, at) for at in range(len(layers) - 1)]
    edges = [
        [
            (left, a / items[left].height, right, b / items[right].height)
            for left, a, right, b in between
        ]
        for between in pulls
    ]
    layers = ordered(layers, edges)
    tops = settled(layers, items, pulls)
    for name, box in boxes.items():
        box.y = tops[name]
    for number, net in enumerate(nets):
        net.bends = {
            at: tops[_pass(number, at)] + _PASS / 4 for at in range(net.first + 1, net.last)
        }
    return _drawn(boxes, layers, nets)


def _nets(boxes: Mapping[str, Box], joints: list[Joint]) -> list[Net]:
    nets: dict[Port, Net] = {}
    for joint in joints:
        start, stop = joint.parent, joint.child
        if boxes[stop.box].layer < boxes[start.box].layer:
            start, stop = stop, start
        net = nets.setdefault(start, Net(start, [], boxes[start.box].layer))
        net.wires.append(Wire(start, stop, joint.label, joint.parent.box))
        net.last = max(net.last, net.first, boxes[stop.box].layer)
    return list(nets.values())


def _pass(net: int, layer: int) -> str:
    return f"\0{net}\0{layer}"  # no table has such a name


def _with_passes(layers: list[list[str]], nets: list[Net]) -> list[list[str]]:
    return [
        layer + [_pass(number, at) for number, net in enumerate(nets) if net.first < at < net.last]
        for at, layer in enumerate(layers)
    ]


def _pulls(
    boxes: Mapping[str, Box], nets: list[Net], at: int
) -> list[tuple[str, float, str, float]]:
    found: list[tuple[str, float, str, float]] = []
    for number, net in enumerate(nets):
        if not net.first <= at < net.last:
            continue
        left = (net.start.box, net.start.offset)
        if net.first < at:
            left = (_pass(number, at), _PASS / 4)
        found += [
            (*left, wire.stop.box, wire.stop.offset)
            for wire in net.wires
            if boxes[wire.stop.box].layer == at + 1
        ]
        if net.last > at + 1:
            found.append((*left, _pass(number, at + 1), _PASS / 4))
    return found


def _drawn(boxes: dict[str, Box], layers: list[list[str]], nets: list[Net]) -> Picture:
    left = 0.0
    for at in range(len(layers)):
        own = [box for box in boxes.values() if box.layer == at]
        width = max(box.width for box in own)
        for box in own:
            box.x, box.width = left, width
        crossing = [net for net in nets if _leaves(boxes, net, at)]
        tracks = arranged([_bundle(boxes, net, at) for net in crossing])
        for net, track in zip(crossing, tracks, strict=True):
            net.tracks[at] = left + width + _STUB + track * _TRACK
        left += width + 2 * _STUB + max(0, len(crossing) - 1) * _TRACK
    lines = [(wire, _corners(boxes, net, wire)) for net in nets for wire in net.wires]
    right = max(
        [box.x + box.width for box in boxes.values()] + [x for _w, line in lines for x, _y in line]
    )
    bottom = max(
        [box.y + box.height for box in boxes.values()]
        + [y for _wire, line in lines for _x, y in line]
    )
    return Picture(boxes, lines, right, bottom)


def _leaves(boxes: Mapping[str, Box], net: Net, at: int) -> bool:
    loops = any(wire.stop.box == net.start.box for wire in net.wires)
    return net.first <= at < net.last or (at == net.first and loops)


def _bundle(boxes: Mapping[str, Box], net: Net, at: int) -> Bundle:
    begins = at == net.first
    lefts = [_height(boxes, net.start) if begins else net.bends[at]]
    if begins:
        lefts += [_height(boxes, w.stop) for w in net.wires if w.stop.box == net.start.box]
    rights = [_height(boxes, w.stop) for w in net.wires if boxes[w.stop.box].layer == at + 1]
    if at + 1 in net.bends:
        rights.append(net.bends[at + 1])
    return Bundle(tuple(lefts), tuple(rights))


def _corners(boxes: Mapping[str, Box], net: Net, wire: Wire) -> Points:
    start, stop = boxes[wire.start.box], boxes[wire.stop.box]
    y = _height(boxes, wire.start)
    points: Points = [(start.x + start.width, y)]
    for at in range(net.first, max(stop.layer, net.first + 1)):
        after = _height(boxes, wire.stop) if at + 1 >= stop.layer else net.bends[at + 1]
        points += [(net.tracks[at], y), (net.tracks[at], after)]
        y = after
    loop = wire.stop.box == wire.start.box
    points.append((stop.x + stop.width if loop else stop.x, y))
    return points


def _height(boxes: Mapping[str, Box], port: Port) -> float:
    return boxes[port.box].y + port.offset


def _packed(parts: list[Picture]) -> Picture:
    """Put the groups on shelves, the tallest first."""
    area = sum((part.width + _APART) * (part.height + _APART) for part in parts)
    room = max([math.sqrt(area * ASPECT), *(part.width for part in parts)], default=0.0)
    x = y = shelf = width = 0.0
    boxes: dict[str, Box] = {}
    lines: list[tuple[Wire, Points]] = []
    for part in sorted(parts, key=lambda part: (-len(part.boxes), -part.height)):
        if x and x + part.width > room:
            x, y, shelf = 0.0, y + shelf + _APART, 0.0
        for box in part.boxes.values():
            box.x, box.y = box.x + x, box.y + y
        lines += [(wire, [(a + x, b + y) for a, b in line]) for wire, line in part.lines]
        boxes |= part.boxes
        width, shelf = max(width, x + part.width), max(shelf, part.height)
        x += part.width + _APART
    return Picture(boxes, lines, width, y + shelf)
