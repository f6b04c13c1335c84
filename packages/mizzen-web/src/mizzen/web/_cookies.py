"""Cookies: reading the request's header, writing Set-Cookie."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal, TypeAlias

from ._units import Duration, seconds

if TYPE_CHECKING:
    from collections.abc import Iterable

SameSite: TypeAlias = Literal["lax", "strict", "none"]

_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_VALUE = re.compile(r"[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]*")
_ATTRIBUTE = re.compile(r"[\x20-\x3a\x3c-\x7e]*")


def read_cookies(headers: Iterable[str]) -> dict[str, str]:
    """Return cookies by name; the first of a name wins, as it has the most specific path."""
    cookies: dict[str, str] = {}
    for header in headers:
        for pair in header.split(";"):
            name, equals, value = pair.partition("=")
            if equals:
                cookies.setdefault(name.strip(), value.strip().strip('"'))
    return cookies


def set_cookie(
    name: str,
    value: str,
    *,
    max_age: Duration | None = None,
    path: str = "/",
    domain: str | None = None,
    secure: bool = False,
    http_only: bool = True,
    same_site: SameSite = "lax",
) -> str:
    """Return a Set-Cookie value; characters that a cookie cannot carry raise ValueError."""
    if not _NAME.fullmatch(name) or not _VALUE.fullmatch(value):
        raise ValueError(
            f"the cookie {name!r} has characters that a cookie cannot carry; encode its value, "
            "for instance with urllib.parse.quote"
        )
    if not _ATTRIBUTE.fullmatch(path + (domain or "")):
        raise ValueError(f"the cookie {name!r} has a path or domain that a cookie cannot carry")
    parts = [f"{name}={value}", f"Path={path}"]
    if domain:
        parts.append(f"Domain={domain}")
    if max_age is not None:
        parts.append(f"Max-Age={int(seconds(max_age))}")
    if secure or same_site == "none":  # browsers refuse SameSite=None without Secure
        parts.append("Secure")
    if http_only:
        parts.append("HttpOnly")
    parts.append(f"SameSite={same_site.capitalize()}")
    return "; ".join(parts)


def expired_cookie(name: str, *, path: str = "/", domain: str | None = None) -> str:
    """Return the Set-Cookie value that deletes a cookie."""
    return set_cookie(name, "", max_age=0, path=path, domain=domain)
