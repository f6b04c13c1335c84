"""The graph that is laid out: boxes, and nets that join rows of boxes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

End = Literal["one", "maybe one", "many", "maybe single"]


@dataclass
class Box:
    """A rectangle with rows; the layout fills in layer, x and y."""

    name: str
    width: float
    height: float
    layer: int = 0
    x: float = 0.0
    y: float = 0.0


@dataclass(frozen=True)
class Port:
    """A place on a box's side, *offset* below its top; lines end there with the sign of *end*."""

    box: str
    offset: float
    end: End


@dataclass(frozen=True)
class Wire:
    """One link to draw, from a port on some box's right side to one on another's left side.

    A link of a box to itself leaves and arrives on the right side.
    """

    start: Port
    stop: Port
    label: str
    source: str


@dataclass
class Net:
    """Wires that leave from the same port, and share their way until they must part.

    `bends` holds the height at which the net crosses each layer that it passes.
    """

    start: Port
    wires: list[Wire]
    first: int = 0
    last: int = 0
    bends: dict[int, float] = field(default_factory=dict[int, float])
    tracks: dict[int, float] = field(default_factory=dict[int, float])
