"""What a cache tells about itself: one line, one table, one flat mapping of figures."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ._guard import Guard
    from ._stack import Stack


def hit_rate(hits: int, misses: int) -> str:
    """Return "93 %", or a dash before anything was asked."""
    return f"{100 * hits / (hits + misses):.0f} %" if hits + misses else "-"


def line(stack: Stack, running: bool) -> str:
    """Return <mizzen.cache.Cache memory: 12 entries, 93 % hits>."""
    tiers = " | ".join(_short(guard) for guard in stack.guards)
    return f"<mizzen.cache.Cache {tiers}{'' if running else ', not started'}>"


def _short(guard: Guard) -> str:
    said = [_size(guard.tier.gauges()), f"{hit_rate(guard.hits, guard.misses)} hits"]
    if guard.trouble is not None:
        said.append("away")
    return f"{guard.name}: {', '.join(part for part in said if part)}"


def _size(gauges: Mapping[str, float]) -> str:
    if "entries" in gauges:
        return f"{gauges['entries']:.0f} entries"
    if "bytes" in gauges:
        return f"{gauges['bytes'] / 1024:.0f} KB"
    return ""


def table(stack: Stack, running: bool) -> str:
    """Return the same facts as an HTML table, a row for each tier."""
    heads = "".join(
        f"<th>{head}</th>" for head in ("tier", "holds", "hits", "misses", "hit rate", "")
    )
    rows = "".join(_row(guard, running) for guard in stack.guards)
    return f"<table class='mizzen-cache'><tr>{heads}</tr>{rows}</table>"


def _row(guard: Guard, running: bool) -> str:
    state = "not started" if not running else (guard.trouble or "ok")
    from html import escape

    cells = (
        guard.name,
        _size(guard.tier.gauges()),
        guard.hits,
        guard.misses,
        hit_rate(guard.hits, guard.misses),
        state,
    )
    return "<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in cells) + "</tr>"


def figures(stack: Stack, counts: Mapping[str, int], failures: int) -> dict[str, float]:
    """Return all counters and gauges under stable names."""
    said: dict[str, float] = {f"{name}_total": count for name, count in counts.items()}
    said["hits_total"] = sum(guard.hits for guard in stack.guards)
    said["outdated_total"] = stack.outdated
    said["corrupt_total"] = stack.corrupt + said.pop("unreadable_total", 0)
    said["listener_errors_total"] = failures
    said["undelivered_changes"] = stack.owed()
    for guard in stack.guards:
        said[f"{guard.name}_hits_total"] = guard.hits
        said[f"{guard.name}_misses_total"] = guard.misses
        said[f"{guard.name}_errors_total"] = guard.errors
        said[f"{guard.name}_evictions_total"] = guard.evictions
        said[f"{guard.name}_up"] = float(guard.trouble is None)
        for gauge, value in guard.tier.gauges().items():
            said[f"{guard.name}_{gauge}"] = value
    return said
