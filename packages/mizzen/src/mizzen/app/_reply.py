"""A whole HTTP answer in one call, for the few pages that the umbrella serves itself."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .abc import Scope, Send


async def reply(send: Send, status: int, content_type: str, text: str) -> None:
    """Send *text*; it is never cached, as it describes this very moment."""
    body = text.encode()
    headers = [
        (b"content-type", f"{content_type}; charset=utf-8".encode()),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def may_see(scope: Scope, token: str | None) -> bool:
    """Tell whether the request carries the token that details need, if they need one."""
    if token is None:
        return True
    given = dict(scope["headers"]).get(b"authorization", b"")
    return hmac.compare_digest(given, b"Bearer " + token.encode())
