"""`mizzen server module:app`: serve until Ctrl-C or SIGTERM."""

from __future__ import annotations

from .._locate import locate
from ..cli import parser


def run(arguments: list[str]) -> int:
    """Serve the app."""
    options = parser("server")
    options.add_argument("--host", help="the address to listen on (default: [server] host)")
    options.add_argument("--port", type=int, help="0 picks a free one (default: [server] port)")
    chosen = options.parse_args(arguments)
    locate(chosen.app).run(host=chosen.host, port=chosen.port)
    return 0
