"""Messages for the next page: kept in a short-lived cookie, shown once.

The cookie is plain JSON (base64 for transport), hidden from scripts. It is the browser's word
about what to show to its own user: nothing may rest on it, and templates escape it like any value.
"""

from __future__ import annotations

import base64
import binascii
from typing import Any, NamedTuple

import msgspec

COOKIE = "mizzen_flash"
LIFETIME = 300
# A browser refuses cookies over 4096 bytes, name and attributes included.
_ROOM = 3500


class Flash(NamedTuple):
    """One message and its kind: "notice", "error", or any word a stylesheet knows."""

    kind: str
    message: str


def pack(messages: list[Flash]) -> str:
    """Return the cookie's value; the oldest messages are dropped when it would be too long."""
    while messages:
        raw = base64.urlsafe_b64encode(msgspec.json.encode(messages)).rstrip(b"=")
        if len(raw) <= _ROOM:
            return raw.decode("ascii")
        messages = messages[1:]
    return ""


def unpack(value: str) -> list[Flash]:
    """Return the messages in a cookie; anything that is not ours gives none."""
    try:
        raw = base64.urlsafe_b64decode(value.encode("ascii") + b"=" * (-len(value) % 4))
        pairs: list[Any] = msgspec.json.decode(raw, type=list[tuple[str, str]])
    except (ValueError, binascii.Error):  # msgspec's and Unicode errors are ValueErrors
        return []
    return [Flash(kind, message) for kind, message in pairs]
