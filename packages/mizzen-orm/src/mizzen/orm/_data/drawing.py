"""The picture as SVG text: tables, lines with crow's feet, colours for light and dark.

A notebook shows an SVG as an image, which knows nothing of the page's colours: the picture brings
a background of its own, which follows the reader's preference for light or dark.
"""

from __future__ import annotations

import unicodedata
import zlib
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .entities import Attribute, Entity
    from .layout.arrange import Picture, Points
    from .layout.nets import End, Wire

HEAD, ROW = 30.0, 22.0
_CHARACTER, _PAD, _MARGIN = 7.25, 12.0, 24.0
_LONGEST = 40
_ROUND = 6.0
# One colour for all lines to one table; each stands out from both backgrounds (3 : 1 and more).
_COLOURS = (
    "#3b7dbf",
    "#c2611f",
    "#2f8f5b",
    "#b5478f",
    "#7d66d0",
    "#9a7a10",
    "#c8485a",
    "#1f8c95",
)
_STYLE = """
.mizzen-erd{font:12px ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;--paper:#fbfbfc;--table:#fff;--head:#e8ebf0;--line:#c3c9d3;--text:#1d2330;--quiet:#5c6675}
@media (prefers-color-scheme:dark){.mizzen-erd{--paper:#16191f;--table:#1e222a;--head:#2b313c;--line:#454d5b;--text:#e6e9ef;--quiet:#a0a9b8}}
.mizzen-erd .paper{fill:var(--paper)}.mizzen-erd .table{fill:var(--table);stroke:var(--line)}.mizzen-erd .head{fill:var(--head);stroke:var(--line)}
.mizzen-erd text{fill:var(--text)}.mizzen-erd .name{font-weight:700;font-size:13px}.mizzen-erd .quiet{fill:var(--quiet);font-size:11px}.mizzen-erd .key{font-weight:700}
.mizzen-erd .wire{fill:none;stroke-width:1.5;stroke-linejoin:round}.mizzen-erd .wire circle{fill:var(--paper)}.mizzen-erd .wire:hover{stroke-width:3}
"""  # noqa: E501


def size(entity: Entity) -> tuple[float, float]:
    """Return the width and height of a table as it is drawn."""
    marks = _marks_width(entity)
    texts = [
        marks + _width(_cut(each.name)) + 2 * _PAD + _width(_type(each))
        for each in entity.attributes
    ]
    rows = len(entity.attributes) + (1 if entity.left_out else 0)
    return round(max([_name_width(entity), *texts]) + 2 * _PAD, 1), HEAD + ROW * rows


def drawn(entities: Sequence[Entity], picture: Picture, title: str, description: str) -> str:
    """Return the SVG document."""
    width, height = picture.width + 2 * _MARGIN, picture.height + 2 * _MARGIN
    colours = {entity.name: _COLOURS[at % len(_COLOURS)] for at, entity in enumerate(entities)}
    lines = "".join(_line(wire, points, colours[wire.source]) for wire, points in picture.lines)
    tables = "".join(_table(entity, picture) for entity in entities)
    # Two diagrams in one page need ids of their own.
    name = f"erd-{zlib.crc32((lines + tables).encode()):08x}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="mizzen-erd" role="img" '
        f'aria-labelledby="{name}-t {name}-d" width="{width:g}" height="{height:g}" '
        f'viewBox="0 0 {width:g} {height:g}">'
        f'<title id="{name}-t">{text(title)}</title><desc id="{name}-d">{text(description)}</desc>'
        f"<style>{_STYLE}</style>"
        f'<rect class="paper" width="100%" height="100%" rx="6"/>'
        f'<g transform="translate({_MARGIN:g} {_MARGIN:g})">{lines}{tables}</g></svg>'
    )


def text(value: str) -> str:
    """Return *value* escaped; characters that XML forbids become replacement marks."""
    allowed = (
        mark if mark in "\t\n" or unicodedata.category(mark) not in {"Cc", "Cs", "Cn"} else "�"
        for mark in value
    )
    return escape("".join(allowed))


def _table(entity: Entity, picture: Picture) -> str:
    box = picture.boxes[entity.name]
    parts = [
        f'<rect class="table" width="{box.width:g}" height="{box.height:g}" rx="4"/>',
        f'<path class="head" d="M0 {HEAD:g}V4Q0 0 4 0H{box.width - 4:g}Q{box.width:g} 0 '
        f'{box.width:g} 4V{HEAD:g}Z"/>',
        f'<text class="name" x="{_PAD:g}" y="20">{text(_cut(entity.name))}</text>',
    ]
    left = _PAD + _marks_width(entity)
    for at, each in enumerate(entity.attributes):
        y = HEAD + ROW * at + 15
        parts.append(
            f"<g><title>{text(_said(each))}</title>"
            f'<text class="quiet key" x="{_PAD:g}" y="{y:g}">{" ".join(each.marks)}</text>'
            f'<text x="{left:g}" y="{y:g}"{_strong(each)}>{text(_cut(each.name))}</text>'
            f'<text class="quiet" x="{box.width - _PAD:g}" y="{y:g}" text-anchor="end">'
            f"{text(_type(each))}</text></g>"
        )
    if entity.left_out:
        more = f"… {entity.left_out} more column{'' if entity.left_out == 1 else 's'}"
        y = HEAD + ROW * len(entity.attributes) + 15
        parts.append(f'<text class="quiet" x="{left:g}" y="{y:g}">{more}</text>')
    return f'<g transform="translate({box.x:g} {box.y:g})">{"".join(parts)}</g>'


def _line(wire: Wire, points: Points, colour: str) -> str:
    (x, y), (end_x, end_y) = points[0], points[-1]
    inwards = 1.0 if points[-2][0] > end_x else -1.0
    return (
        f'<g class="wire" stroke="{colour}"><title>{text(wire.label)}</title>'
        f'<path d="{_path(points)}"/>'
        f"{_sign(wire.start.end, x, y, 1.0)}{_sign(wire.stop.end, end_x, end_y, inwards)}</g>"
    )


def _path(points: Points) -> str:
    corners = [
        point
        for at, point in enumerate(points)
        if at in (0, len(points) - 1) or not _straight(points[at - 1], point, points[at + 1])
    ]
    parts = [f"M{corners[0][0]:g} {corners[0][1]:g}"]
    for before, at, after in zip(corners, corners[1:], corners[2:], strict=False):
        parts.append(f"L{_near(at, before)}Q{at[0]:g} {at[1]:g} {_near(at, after)}")
    parts.append(f"L{corners[-1][0]:g} {corners[-1][1]:g}")
    return "".join(parts)


def _straight(*three: tuple[float, float]) -> bool:
    before, at, after = three
    return before == at or before[1] == at[1] == after[1] or before[0] == at[0] == after[0]


def _near(corner: tuple[float, float], other: tuple[float, float]) -> str:
    """Return the point where the rounding of *corner* begins on the way to *other*."""
    away = [b - a for a, b in zip(corner, other, strict=True)]
    length = abs(away[0]) + abs(away[1])
    part = min(_ROUND, length / 2) / length if length else 0.0
    return f"{corner[0] + away[0] * part:g} {corner[1] + away[1] * part:g}"


def _sign(end: End, x: float, y: float, out: float) -> str:
    def bar(away: float) -> str:
        return f"M{x + away * out:g} {y - 4.5:g}v9"

    def ring(away: float) -> str:
        return f'<circle cx="{x + away * out:g}" cy="{y:g}" r="3.5"/>'

    match end:
        case "one":
            return f'<path d="{bar(6)}{bar(10)}"/>'
        case "maybe one" | "maybe single":
            return f'<path d="{bar(6)}"/>{ring(13)}'
        case "many":
            foot = f"M{x:g} {y - 5:g}L{x + 10 * out:g} {y:g}L{x:g} {y + 5:g}"
            return f'<path d="{foot}"/>{ring(13.5)}'


def _said(each: Attribute) -> str:
    names = {"PK": "primary key", "FK": "foreign key", "UQ": "unique"}
    facts = [each.type, *(names[mark] for mark in each.marks)]
    if each.nullable:
        facts.append("may be NULL")
    return f"{each.name}: {', '.join(facts)}"


def _strong(each: Attribute) -> str:
    return ' class="key"' if "PK" in each.marks else ""


def _type(each: Attribute) -> str:
    return _cut(each.type, 24) + ("?" if each.nullable else "")


def _marks_width(entity: Entity) -> float:
    longest = max((len(" ".join(each.marks)) for each in entity.attributes), default=0)
    return longest * 6.7 + 10 if longest else 0.0


def _name_width(entity: Entity) -> float:
    return _width(_cut(entity.name)) * 13 / 12


def _width(value: str) -> float:
    wide = sum(unicodedata.east_asian_width(mark) in "WF" for mark in value)
    return (len(value) + wide) * _CHARACTER


def _cut(value: str, most: int = _LONGEST) -> str:
    return value if len(value) <= most else value[: most - 1] + "…"
