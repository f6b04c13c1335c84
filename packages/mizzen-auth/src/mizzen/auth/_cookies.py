"""The session cookie: how it is read and written."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from ._errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

NAME = re.compile(r"[A-Za-z0-9_-]{1,60}")


class Cookies:
    """Reads and writes one cookie: HttpOnly, SameSite=Lax, for this host only.

    Over https it is `__Host-…`, which a browser takes only with Secure, Path=/ and no Domain:
    neither a sibling subdomain nor a page over plain http can plant one.
    """

    def __init__(self, name: str, *, secure: bool | None) -> None:
        if not NAME.fullmatch(name):
            raise ConfigurationError(
                f"{name!r} is no name for a cookie: use letters, digits, - and _"
            )
        self._plain = name
        self._secure = secure

    def secure(self, scope: Mapping[str, Any]) -> bool:
        """Tell whether the visitor came over TLS, as far as the server knows."""
        if self._secure is not None:
            return self._secure
        return scope.get("scheme") in ("https", "wss")

    def name(self, secure: bool) -> str:
        """Return the cookie's name over https, or over http."""
        return f"__Host-{self._plain}" if secure else self._plain

    def read(self, scope: Mapping[str, Any]) -> str | None:
        """Return the cookie's value; one that came twice with two values is nobody's."""
        wanted = self.name(self.secure(scope)).encode()
        found: set[bytes] = set()
        for header, line in scope["headers"]:
            if header == b"cookie":
                for pair in line.split(b";"):
                    name, equals, value = pair.strip().partition(b"=")
                    if equals and name == wanted:
                        found.add(value)
        return found.pop().decode("latin-1") if len(found) == 1 else None

    def write(self, scope: Mapping[str, Any], value: str, max_age: int) -> tuple[bytes, bytes]:
        """Return the header that sets the cookie; an age of 0 removes it."""
        secure = self.secure(scope)
        line = f"{self.name(secure)}={value}; Max-Age={max_age}; Path=/; HttpOnly; SameSite=Lax"
        return b"set-cookie", (line + ("; Secure" if secure else "")).encode()
