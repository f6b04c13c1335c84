"""A client that calls an ASGI app in process: no socket, no server, cookies kept.

It also holds the app to the ASGI protocol: a message out of order fails the test.
"""

from __future__ import annotations

import asyncio
import json as json_module
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import quote, unquote, urlencode, urlsplit

from ._conformance import Checked
from ._values import Headers
from ._websocket import Socket

if TYPE_CHECKING:
    from .abc import ASGIApp, Message, Scope

Fields: TypeAlias = Mapping[str, Any] | Sequence[tuple[str, Any]]
Files: TypeAlias = Mapping[str, tuple[str, bytes, str]]

_BOUNDARY = "mizzen-web-test-boundary"
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


class Reply:
    """What came back; `chunks` of a stream arrive as they are read."""

    def __init__(self, status: int, headers: Headers, body: bytes = b"") -> None:
        self.status = status
        self.headers = headers
        self.body = body

    @property
    def text(self) -> str:
        """The body as UTF-8 text."""
        return self.body.decode()

    @property
    def location(self) -> str:
        """Where a redirect leads; empty if it is none."""
        return self.headers.get("location", "")

    def json(self) -> Any:
        """Return the body's JSON value."""
        return json_module.loads(self.body)

    def __repr__(self) -> str:
        return f"<mizzen.web.Reply {self.status}, {len(self.body)} bytes>"


class Streamed(Reply):
    """A reply whose body is read while the app still sends."""

    def __init__(self, exchange: _Exchange, status: int, headers: Headers) -> None:
        super().__init__(status, headers)
        self._exchange = exchange

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while (message := await self._exchange.next())["type"] == "http.response.body":
            if message.get("body"):
                yield message["body"]
            if not message.get("more_body"):
                return


class Client:
    """Requests against an ASGI app; redirects are followed only with `follow=True`."""

    def __init__(self, app: ASGIApp, *, base_url: str = "http://test", timeout: float = 10) -> None:
        self.app = app
        self.cookies: dict[str, str] = {}
        self.headers: dict[str, str] = {}
        self._base = urlsplit(base_url)
        self._timeout = timeout

    async def get(self, url: str, **options: Any) -> Reply:
        """Send a GET; options as in `request`."""
        return await self.request("GET", url, **options)

    async def post(self, url: str, **options: Any) -> Reply:
        """Send a POST."""
        return await self.request("POST", url, **options)

    async def put(self, url: str, **options: Any) -> Reply:
        """Send a PUT."""
        return await self.request("PUT", url, **options)

    async def patch(self, url: str, **options: Any) -> Reply:
        """Send a PATCH."""
        return await self.request("PATCH", url, **options)

    async def delete(self, url: str, **options: Any) -> Reply:
        """Send a DELETE."""
        return await self.request("DELETE", url, **options)

    async def head(self, url: str, **options: Any) -> Reply:
        """Send a HEAD."""
        return await self.request("HEAD", url, **options)

    async def options(self, url: str, **options: Any) -> Reply:
        """Send an OPTIONS."""
        return await self.request("OPTIONS", url, **options)

    async def request(
        self,
        method: str,
        url: str,
        *,
        params: Fields | None = None,
        headers: Mapping[str, str] | None = None,
        json: Any = None,
        data: Fields | None = None,
        files: Files | None = None,
        content: bytes | None = None,
        follow: bool = False,
    ) -> Reply:
        """Return the reply; lists in `data` are repeated fields, `files` are (name, bytes, type).

        An exception that the app lets out is raised here.
        """
        body, media = _body(json, data, files, content)
        async with self._exchange(method, url, params, headers, body, media) as exchange:
            reply = await self._begin(exchange)
            reply.body = b"".join([chunk async for chunk in Streamed.__aiter__(reply)])
            await exchange.finish()
        if follow and reply.status in _REDIRECTS:
            keep = reply.status in {307, 308}
            again: dict[str, Any] = {"json": json, "data": data, "files": files, "content": content}
            return await self.request(
                method if keep or method == "HEAD" else "GET",
                reply.location,
                headers=headers,
                follow=True,
                **(again if keep else {}),
            )
        return Reply(reply.status, reply.headers, reply.body)

    @asynccontextmanager
    async def stream(
        self,
        url: str,
        *,
        method: str = "GET",
        params: Fields | None = None,
        headers: Mapping[str, str] | None = None,
        content: bytes = b"",
    ) -> AsyncGenerator[Streamed]:
        """Open a streamed reply to iterate over; leaving the block disconnects."""
        async with self._exchange(method, url, params, headers, content, "") as exchange:
            yield await self._begin(exchange)

    @asynccontextmanager
    async def websocket(
        self, url: str, *, headers: Mapping[str, str] | None = None
    ) -> AsyncGenerator[Socket]:
        """Open a WebSocket; a refused handshake raises ConnectionRefusedError."""
        scheme = "wss" if self._base.scheme == "https" else "ws"
        scope = self._scope(url, None, headers, "")
        scope |= {"type": "websocket", "scheme": scheme, "subprotocols": []}
        socket = Socket(self.app, scope, self._timeout)
        try:
            await socket.open()
            yield socket
        finally:
            await socket.aclose()

    async def __aenter__(self) -> Client:
        """Return the client; nothing has to be opened."""
        return self

    async def __aexit__(self, *exc: object) -> None:
        """Nothing has to be closed."""

    @asynccontextmanager
    async def _exchange(
        self,
        method: str,
        url: str,
        params: Fields | None,
        headers: Mapping[str, str] | None,
        body: bytes,
        media: str,
    ) -> AsyncGenerator[_Exchange]:
        scope = self._scope(url, params, headers, media)
        scope |= {"type": "http", "method": method, "http_version": "1.1"}
        if body:
            scope["headers"].append((b"content-length", b"%d" % len(body)))
        exchange = _Exchange(self.app, scope, body, self._timeout)
        try:
            yield exchange
        finally:
            await exchange.aclose()

    async def _begin(self, exchange: _Exchange) -> Streamed:
        start = await exchange.next()
        headers = Headers(start.get("headers", ()))
        for cookie in headers.all("set-cookie"):
            pair, _, attributes = cookie.partition(";")
            name, _, value = pair.partition("=")
            if "max-age=0" in attributes.lower():
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = value
        return Streamed(exchange, start["status"], headers)

    def _scope(
        self, url: str, params: Fields | None, headers: Mapping[str, str] | None, media: str
    ) -> dict[str, Any]:
        parts = urlsplit(url)
        query = "&".join(filter(None, [parts.query, urlencode(params or (), doseq=True)]))
        # Percent-encode what is not, as a browser does; what is encoded stays.
        raw = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~")
        sent = {"host": parts.netloc or self._base.netloc, "accept": "*/*"}
        if self.cookies:
            sent["cookie"] = "; ".join(f"{n}={v}" for n, v in self.cookies.items())
        if media:
            sent["content-type"] = media
        sent |= {n.lower(): v for n, v in {**self.headers, **(headers or {})}.items()}
        return {
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "http_version": "1.1",
            "scheme": self._base.scheme,
            "path": unquote(raw),
            "raw_path": raw.encode("ascii"),
            "query_string": query.encode("ascii"),
            "root_path": "",
            "headers": [(n.encode("latin-1"), v.encode("latin-1")) for n, v in sent.items()],
            "client": ("127.0.0.1", 50000),
            "server": (self._base.hostname or "test", self._base.port or 80),
            "state": {},
        }

    def __repr__(self) -> str:
        return f"<mizzen.web.Client of {type(self.app).__qualname__}>"


class _Exchange:
    """One request under way: the app runs in a task of its own, as it would under a server."""

    def __init__(self, app: ASGIApp, scope: Scope, body: bytes, timeout: float) -> None:
        self._body: bytes | None = body
        self._timeout = timeout
        self._messages: asyncio.Queue[Message] = asyncio.Queue()
        self._gone = asyncio.Event()
        checked = Checked(app)
        self._task = asyncio.create_task(checked(scope, self._receive, self._send))
        self._task.add_done_callback(lambda _: self._messages.put_nowait({"type": "end"}))

    async def next(self) -> Message:
        message = await asyncio.wait_for(self._messages.get(), self._timeout)
        if message["type"] == "end":
            await self._task
            raise AssertionError("the app returned without a complete response")
        return message

    async def finish(self) -> None:
        await asyncio.wait_for(asyncio.shield(self._task), self._timeout)

    async def aclose(self) -> None:
        self._gone.set()
        if not self._task.done():
            await asyncio.wait([self._task], timeout=1)
            self._task.cancel()
            await asyncio.wait([self._task])
        if not self._task.cancelled():
            self._task.exception()  # seen already, or of a client that had left

    async def _receive(self) -> Message:
        if self._body is not None:
            body, self._body = self._body, None
            return {"type": "http.request", "body": body, "more_body": False}
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Message) -> None:
        if self._gone.is_set():
            raise OSError("the client has left")
        self._messages.put_nowait(message)


def _body(
    json: Any, data: Fields | None, files: Files | None, content: bytes | None
) -> tuple[bytes, str]:
    if content is not None:
        return content, ""
    if files is not None:
        return _multipart(data or {}, files), f"multipart/form-data; boundary={_BOUNDARY}"
    if data is not None:
        return urlencode(data, doseq=True).encode(), "application/x-www-form-urlencoded"
    if json is not None:
        return json_module.dumps(json).encode(), "application/json"
    return b"", ""


def _is_many(value: Any) -> bool:
    return isinstance(value, list | tuple)


def _multipart(data: Fields, files: Files) -> bytes:
    pairs = list(data.items()) if isinstance(data, Mapping) else list(data)
    body = bytearray()
    for name, value in pairs:
        several = value if _is_many(value) else [value]
        for one in several:
            head = f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n'
            body += head.encode() + str(one).encode() + b"\r\n"
    for name, (filename, raw, media) in files.items():
        head = (
            f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"; '
            f'filename="{filename}"\r\nContent-Type: {media}\r\n\r\n'
        )
        body += head.encode() + raw + b"\r\n"
    return bytes(body + f"--{_BOUNDARY}--\r\n".encode())
