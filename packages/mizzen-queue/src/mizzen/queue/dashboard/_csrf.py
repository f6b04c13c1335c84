"""Only forms that this dashboard made change anything.

A random cookie stands for the browser; each form carries its keyed hash, together with who is
signed in. A foreign page can neither read the one nor make the other; and the browser itself
tells with each POST which page sent it.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from http.cookies import CookieError, SimpleCookie
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ._http import Refused

if TYPE_CHECKING:
    from collections.abc import Collection

    from ._http import Request, Response

COOKIE = "mizzen_queue_browser"


class Csrf:
    """Gives each browser a cookie and its forms a token, and checks both."""

    def __init__(self, secret: str | None, origins: Collection[str]) -> None:
        self._key = secret.encode() if secret else secrets.token_bytes(32)
        self._origins = frozenset(origin.rstrip("/") for origin in origins)

    def prepare(self, request: Request) -> None:
        """Set the request's cookie, a new one if it brought none, and the token for its forms."""
        request.cookie = _cookie(request) or secrets.token_urlsafe(32)
        text = f"{request.cookie}\n{request.identity}".encode()
        request.token = hmac.new(self._key, text, hashlib.sha256).hexdigest()

    def give(self, request: Request, response: Response) -> None:
        """Set the cookie in a browser that has none yet."""
        if not _cookie(request):
            secure = "; Secure" if request.scope.get("scheme") == "https" else ""
            response.headers["set-cookie"] = (
                f"{COOKIE}={request.cookie}; Path={request.url()}; HttpOnly; SameSite=Lax{secure}"
            )

    def check(self, request: Request) -> None:
        """Refuse a POST that a page of this dashboard didn't send."""
        if not self._is_from_here(request):
            raise Refused(403, "This was sent from another site.")
        given = request.form.get("token", "").encode()
        if not _cookie(request) or not hmac.compare_digest(given, request.token.encode()):
            raise Refused(403, "This form is too old: go back, reload the page, and try again.")

    def _is_from_here(self, request: Request) -> bool:
        site = request.headers.get("sec-fetch-site")
        if site is not None and site != "same-origin":
            return False
        origin = request.headers.get("origin", "")
        if origin.rstrip("/") in self._origins:
            return True
        # A proxy may have taken TLS off, so that only the host can be compared.
        host = request.headers.get("host", "")
        return bool(host) and urlsplit(origin).netloc.lower() == host.lower()


def _cookie(request: Request) -> str:
    try:
        found = SimpleCookie(request.headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return ""
    return found.value if found is not None else ""
