"""Tells requests that another site made from those of our own pages, without a token.

The rule is that of Go's `http.CrossOriginProtection`: believe `Sec-Fetch-Site`, else compare
`Origin` with `Host`. A request with neither comes from no browser: no cookie is being abused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

SAFE_METHODS = {"GET", "HEAD", "OPTIONS", "TRACE"}


class Origins:
    """Knows which origins may act with a visitor's cookie: our own, and the trusted ones."""

    def __init__(self, trusted: Iterable[str] = ()) -> None:
        self._trusted = {origin.rstrip("/").lower().encode() for origin in trusted}

    def refuses(self, scope: Mapping[str, Any]) -> bool:
        """Tell whether another site sent this request and it could change something.

        A websocket counts as unsafe: browsers let any site open one, cookies included.
        """
        if scope["type"] == "http" and scope["method"] in SAFE_METHODS:
            return False
        return self.foreign(scope)

    def foreign(self, scope: Mapping[str, Any]) -> bool:
        """Tell whether the headers say that another site sent this."""
        sites, origins, hosts = _headers(scope)
        if sites and all(site in (b"same-origin", b"none") for site in sites):
            return False
        if not sites and not origins:
            return False
        if len(origins) != 1:
            return True
        origin = origins[0].lower()
        if origin in self._trusted:
            return False
        # Compared without the scheme, which a proxy that ends TLS hides from us.
        return bool(sites) or [origin.partition(b"://")[2]] != [host.lower() for host in hosts]


def _headers(scope: Mapping[str, Any]) -> tuple[list[bytes], list[bytes], list[bytes]]:
    sites: list[bytes] = []
    origins: list[bytes] = []
    hosts: list[bytes] = []
    wanted = {b"sec-fetch-site": sites, b"origin": origins, b"host": hosts}
    for name, value in scope["headers"]:
        if (found := wanted.get(name.lower())) is not None:
            found.append(value)
    return sites, origins, hosts
