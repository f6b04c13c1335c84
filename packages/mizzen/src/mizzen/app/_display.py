"""How an application shows itself: one line, or one small table."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .abc import Component


def line(name: str, components: dict[str, Component], *, running: bool) -> str:
    """Return the repr."""
    state = "running" if running else "not running"
    return f"<mizzen.app.App {name}: {', '.join(components) or 'no components'}; {state}>"


def table(name: str, components: dict[str, Component], *, running: bool) -> str:
    """Return the same, with each component's own line, as escaped HTML."""
    rows = "".join(
        f"<tr><th style='text-align:left'>{html.escape(part)}</th>"
        f"<td style='text-align:left'>{html.escape(repr(component))}</td></tr>"
        for part, component in components.items()
    )
    state = "running" if running else "not running"
    return f"<table><caption>{html.escape(name)}: {state}</caption>{rows}</table>"
