"""A site in one line, and as a table of its routes."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ._web import Web

# A notebook page should not drown in a large site's table.
_SHOWN = 200


def text(site: Web) -> str:
    """Return one line."""
    stats = site.stats()
    return (
        f"<mizzen.web.Web {stats['routes']:.0f} routes, {stats['mounts']:.0f} mounts: "
        f"{stats['requests_total']:.0f} requests, {stats['errors_total']:.0f} errors, "
        f"{stats['in_flight']:.0f} in flight>"
    )


def html(site: Web) -> str:
    """Return the facts of `text`, and the routes."""
    rows = [
        (route.method, route.pattern.path, route.name or "", route.handler_name)
        for route in site.routes
    ]
    rows += [("*", f"{prefix}/…", "", _app_name(app)) for prefix, app in site.mounts.items()]
    shown = rows[:_SHOWN]
    if len(rows) > len(shown):
        shown.append(("", f"and {len(rows) - len(shown)} more", "", ""))
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in shown
    )
    head = "".join(f"<th>{name}</th>" for name in ("method", "path", "name", "handler"))
    line = escape(text(site).strip("<>"))
    return f"<table><caption>{line}</caption><thead><tr>{head}</tr></thead>{body}</table>"


def _app_name(app: object) -> str:
    return getattr(app, "__qualname__", None) or type(app).__qualname__
