"""The security headers of every response; the app's own header of the same name wins."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Headers = list[tuple[bytes, bytes]]

POLICY = (
    "default-src 'self'; script-src 'self' 'nonce-{nonce}'; style-src 'self' 'nonce-{nonce}';"
    " img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self';"
    " frame-ancestors 'none'"
)
DEFAULTS = {
    "content-security-policy": POLICY,
    "cross-origin-opener-policy": "same-origin",
    "referrer-policy": "strict-origin-when-cross-origin",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",  # for what is too old for frame-ancestors
}


def new_nonce() -> str:
    """Return what a page puts on its own inline scripts and styles, new for each response."""
    return secrets.token_urlsafe(16)


class SecurityHeaders:
    """Adds what is missing. `{nonce}` in a value becomes the response's nonce."""

    def __init__(self, changes: Mapping[str, str | None]) -> None:
        chosen = DEFAULTS | {name.lower(): value for name, value in changes.items()}
        self._headers = [
            (name.encode(), value.encode(), "{nonce}" in value)
            for name, value in chosen.items()
            if value is not None
        ]

    def add(self, headers: Iterable[tuple[bytes, bytes]], nonce: str) -> Headers:
        """Return the headers of a response with the missing ones added."""
        dressed = [(bytes(name), bytes(value)) for name, value in headers]
        present = {name.lower() for name, _ in dressed}
        for name, value, varies in self._headers:
            if name not in present:
                dressed.append(
                    (name, value.replace(b"{nonce}", nonce.encode()) if varies else value)
                )
        return dressed


def keep_private(headers: Headers, *, cookie_changed: bool) -> None:
    """Keep shared caches from giving one visitor's page, or cookie, to another."""
    if cookie_changed:
        headers[:] = [header for header in headers if header[0].lower() != b"cache-control"]
        headers.append((b"cache-control", b"no-store"))
    elif not any(name.lower() == b"cache-control" for name, _ in headers):
        headers.append((b"cache-control", b"private, no-cache"))
