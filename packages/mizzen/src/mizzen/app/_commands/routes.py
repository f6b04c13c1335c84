"""`mizzen routes module:app`: the routes of an app, one per line."""

from __future__ import annotations

from .._locate import locate
from ..cli import parser


def run(arguments: list[str]) -> int:
    """List them."""
    app = locate(parser("routes").parse_args(arguments).app)
    for route in app.web.routes:
        print(f"{route.method:<7} {route.pattern.path:<40} {route.name or ''}".rstrip())
    return 0
