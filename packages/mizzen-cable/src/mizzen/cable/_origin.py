"""The Origin check: a page of another site must not open a socket with the visitor's cookies."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Collection

    from .abc import Scope

PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}


def allowed(scope: Scope, origins: Collection[str] | None) -> bool:
    """Return whether the request may come from where its Origin header says.

    Without the header it isn't a browser, and carries nobody's cookies but its own. With *origins*
    None the origin's host and port must be those of the Host header; else it must be in the list
    ("*" allows all).
    """
    sent = [
        value.decode("latin-1") for name, value in scope["headers"] if name.lower() == b"origin"
    ]
    if not sent:
        return True
    if len(sent) > 1:
        return False
    if origins is not None:
        return "*" in origins or sent[0].lower() in {
            origin.lower().rstrip("/") for origin in origins
        }
    hosts = [value.decode("latin-1") for name, value in scope["headers"] if name.lower() == b"host"]
    return len(hosts) == 1 and _same(sent[0], hosts[0])


def _same(origin: str, host: str) -> bool:
    try:
        there = urlsplit(origin)
        default = PORTS.get(there.scheme)
        here = urlsplit("//" + host)
        same_port = (there.port or default) == (here.port or default)
        return default is not None and there.hostname == here.hostname and same_port
    except ValueError:
        return False
