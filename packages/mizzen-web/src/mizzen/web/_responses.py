"""What goes back to the client, and how a handler's return value becomes it."""

from __future__ import annotations

import hashlib
import re
from copy import copy
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import msgspec

from ._cookies import expired_cookie, set_cookie
from ._values import Headers

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ._cookies import SameSite
    from ._units import Duration
    from .abc import Scope, Send

_BAD_IN_HEADER = re.compile(r"[\r\n\0]")
_ELSEWHERE = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:|[/\\]{2}")
_NO_BODY = frozenset({204, 304})
_JSON_TYPE = (b"content-type", b"application/json")
_KEPT_IN_304 = frozenset({b"etag", b"cache-control", b"vary", b"set-cookie", b"expires"})


class Response:
    """A status, headers and a body of bytes; text is sent as UTF-8."""

    __slots__ = ("body", "raw_headers", "status")

    media_type = "application/octet-stream"

    def __init__(
        self,
        body: bytes | str = b"",
        status: int = 200,
        *,
        headers: Mapping[str, str] | None = None,
        media_type: str | None = None,
    ) -> None:
        self.body: bytes = body.encode() if isinstance(body, str) else body
        self.status: int = status
        self.raw_headers: list[tuple[bytes, bytes]] = [_known_type(media_type or self.media_type)]
        if headers:
            for name, value in headers.items():
                self.set_header(name, value)

    @property
    def headers(self) -> Headers:
        """The headers as they stand, to read."""
        return Headers(self.raw_headers)

    def set_header(self, name: str, value: str) -> None:
        """Set a header in place of what it was."""
        key = name.lower().encode("latin-1")
        self.raw_headers = [pair for pair in self.raw_headers if pair[0] != key]
        self.add_header(name, value)

    def add_header(self, name: str, value: str) -> None:
        """Add a header beside others of its name; line breaks raise ValueError."""
        _refuse_line_breaks(name + value)
        self.raw_headers.append((name.lower().encode("latin-1"), value.encode("latin-1")))

    def set_cookie(
        self,
        name: str,
        value: str,
        *,
        max_age: Duration | None = None,
        path: str = "/",
        domain: str | None = None,
        secure: bool = False,
        http_only: bool = True,
        same_site: SameSite = "lax",
    ) -> None:
        """Set a cookie: for the session unless `max_age`, hidden from scripts, SameSite=Lax."""
        cookie = set_cookie(
            name,
            value,
            max_age=max_age,
            path=path,
            domain=domain,
            secure=secure,
            http_only=http_only,
            same_site=same_site,
        )
        self.add_header("set-cookie", cookie)

    def delete_cookie(self, name: str, *, path: str = "/", domain: str | None = None) -> None:
        """Make the browser forget a cookie; path and domain have to be those it was set with."""
        self.add_header("set-cookie", expired_cookie(name, path=path, domain=domain))

    async def send(self, scope: Scope, send: Send) -> None:
        """Send everything; a HEAD request gets the headers of the GET without its body."""
        headers, body = self.raw_headers, self.body
        if self.status in _NO_BODY:
            headers, body = [pair for pair in headers if pair[0] != b"content-type"], b""
        else:
            headers = [*headers, (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        if scope["method"] == "HEAD":
            body = b""
        await send({"type": "http.response.body", "body": body})

    def __repr__(self) -> str:
        return f"<mizzen.web.{type(self).__name__} {self.status}, {len(self.body)} bytes>"


class Text(Response):
    """Plain text."""

    __slots__ = ()
    media_type = "text/plain; charset=utf-8"


class JSON(Response):
    """Any value that msgspec encodes, or that has `model_dump()`."""

    __slots__ = ()
    media_type = "application/json"

    def __init__(
        self, value: Any, status: int = 200, *, headers: Mapping[str, str] | None = None
    ) -> None:
        # Not by way of Response's constructor: this is the hot path of an API.
        self.body: bytes = encode_json(value)
        self.status: int = status
        self.raw_headers: list[tuple[bytes, bytes]] = [_JSON_TYPE]
        if headers:
            for name, given in headers.items():
                self.set_header(name, given)


class HTML(Response):
    """A page. To a GET it carries a weak ETag, and a client that has it already gets a 304."""

    __slots__ = ()
    media_type = "text/html; charset=utf-8"

    async def send(self, scope: Scope, send: Send) -> None:
        """Send the page, or only say that the client's copy is still good."""
        names = {name for name, _ in self.raw_headers}
        fit = self.status == 200 and scope["method"] in {"GET", "HEAD"}
        if not fit or b"etag" in names or b"set-cookie" in names:
            await super().send(scope, send)
            return
        tag = b'W/"' + hashlib.blake2b(self.body, digest_size=12).hexdigest().encode() + b'"'
        # A twin: the page may be a constant that other requests return too.
        sent = copy(self)
        sent.raw_headers = [*self.raw_headers, (b"etag", tag)]
        if _has_copy(scope["headers"], tag):
            sent.status = 304
            sent.raw_headers = [pair for pair in sent.raw_headers if pair[0] in _KEPT_IN_304]
        await Response.send(sent, scope, send)


class Redirect(Response):
    """Send the client to another path of this site, with GET unless the status says otherwise.

    A location on another host raises ValueError without `external=True`, so that a location
    taken from a request cannot carry a user away.
    """

    __slots__ = ()
    media_type = "text/plain; charset=utf-8"

    def __init__(self, location: str, status: int = 303, *, external: bool = False) -> None:
        if not external and _ELSEWHERE.match(location.strip()):
            raise ValueError(
                f"Redirect({location!r}) leaves this site; say external=True if it is meant to"
            )
        super().__init__(b"", status)
        _refuse_line_breaks(location)
        # What is quoted already stays; spaces, backslashes and non-ASCII are quoted.
        self.add_header("location", quote(location, safe="/:?#[]@!$&'()*+,;=%~"))


@lru_cache(256)  # bounded: a media type may come from an upload
def _known_type(media_type: str) -> tuple[bytes, bytes]:
    _refuse_line_breaks(media_type)
    return b"content-type", media_type.encode("latin-1")


def _refuse_line_breaks(text: str) -> None:
    if _BAD_IN_HEADER.search(text):
        raise ValueError(f"a header cannot carry a line break or NUL: {text[:80]!r}")


def _has_copy(headers: Iterable[tuple[bytes, bytes]], tag: bytes) -> bool:
    for name, value in headers:
        if name == b"if-none-match":
            return value.strip() == b"*" or tag.removeprefix(b"W/") in {
                part.strip().removeprefix(b"W/") for part in value.split(b",")
            }
    return False


def _encode_foreign(value: Any) -> Any:
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    if hasattr(value, "__html__"):
        return str(value)
    raise NotImplementedError(f"{type(value).__qualname__} has no JSON form")


_encoder = msgspec.json.Encoder(enc_hook=_encode_foreign)


def encode_json(value: Any) -> bytes:
    """Return JSON; a value without a JSON form raises TypeError."""
    try:
        return _encoder.encode(value)
    except NotImplementedError as exc:
        raise TypeError(f"{exc}; return a dict, a dataclass, a Struct or a Response") from exc
