"""The little of HTTP that the dashboard needs, over ASGI."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_LONGEST_BODY = 64_000
# Nothing comes from elsewhere, nothing is inline, and nobody frames it. `same-origin`, as with
# `no-referrer` browsers leave the origin out of POSTs.
_HEADERS = {
    "content-security-policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cache-control": "no-store",
}


class Refused(Exception):
    """The request can't be answered; the status and the message go to the client."""

    def __init__(self, status: int, message: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.headers = headers or {}


@dataclass
class Request:
    """One request, with its path below the place where the dashboard is mounted."""

    scope: Scope
    method: str
    root: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    form: dict[str, str] = field(default_factory=dict[str, str])
    identity: str = ""
    cookie: str = ""
    token: str = ""

    @classmethod
    def of(cls, scope: Scope) -> Request:
        """Read what ASGI says, whether or not its path repeats the root_path."""
        root = str(scope.get("root_path", "")).rstrip("/")
        path = str(scope["path"])
        if root and (path == root or path.startswith(f"{root}/")):
            path = path[len(root) :]
        headers = {
            name.decode("latin-1").lower(): value.decode("latin-1")
            for name, value in scope.get("headers", ())
        }
        query = _pairs(scope.get("query_string", b""))
        return cls(scope, scope["method"], root, path or "/", query, headers)

    def url(self, *path: object, **query: object) -> str:
        """The address of another page; None values are left out of the query."""
        words = {name: value for name, value in query.items() if value not in (None, "")}
        where = "/".join(quote(str(part), safe="") for part in path)
        return f"{quote(self.root)}/{where}" + (f"?{urlencode(words)}" if words else "")

    async def read_form(self, receive: Receive) -> None:
        """Take in the fields of a posted form."""
        kind = self.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/x-www-form-urlencoded":
            raise Refused(415, "Only forms are understood here.")
        body = b""
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise Refused(400, "The request ended too early.")
            body += message.get("body", b"")
            if len(body) > _LONGEST_BODY:
                raise Refused(413, "That is too long.")
            if not message.get("more_body"):
                break
        self.form = _pairs(body)


def _pairs(text: bytes) -> dict[str, str]:
    try:
        pairs = dict(parse_qsl(text.decode("latin-1"), keep_blank_values=True, max_num_fields=50))
    except ValueError as exc:
        raise Refused(400, "The fields can't be read.") from exc
    if any("\0" in value for value in pairs.values()):
        raise Refused(400, "A field holds a NUL character.")
    return pairs


@dataclass
class Response:
    """One answer."""

    body: str | bytes
    status: int = 200
    kind: str = "text/html; charset=utf-8"
    headers: dict[str, str] = field(default_factory=dict[str, str])

    async def send(self, send: Send, *, body: bool = True) -> None:
        """Send it with the headers that every answer has, for HEAD without its *body*."""
        text = self.body
        content = text if isinstance(text, bytes) else text.encode(errors="backslashreplace")
        headers = _HEADERS | {
            "content-type": self.kind,
            "content-length": str(len(content)),
            **self.headers,
        }
        await send(
            {
                "type": "http.response.start",
                "status": self.status,
                "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
            }
        )
        await send({"type": "http.response.body", "body": content if body else b""})


def see_other(address: str) -> Response:
    """Send the browser on to *address* after a POST."""
    return Response("", 303, headers={"location": address})
