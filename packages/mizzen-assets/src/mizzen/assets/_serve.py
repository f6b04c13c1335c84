"""Answer requests: one look-up in a table of prepared answers; no path ever leads to a file."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ._negotiate import byte_range, choose, matches
from ._table import NOSNIFF, opened, whole

if TYPE_CHECKING:
    from ._table import Form, Headers, Table

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

CHUNK = 256 * 1024
# A file that is missing now may exist after the next deployment.
NEVER_STORED = (b"cache-control", b"no-store")
READ = frozenset((b"accept-encoding", b"if-none-match", b"range", b"if-range"))


@dataclass(slots=True)
class Counts:
    """What was answered so far."""

    requests: int = 0
    not_modified: int = 0
    not_found: int = 0
    sent_bytes: int = 0


class Server:
    """Sends files of a table to ASGI clients."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self.counts = Counts()

    async def answer(self, name: str, scope: Scope, send: Send) -> None:
        """Send the file called *name*, or the reason why not."""
        self.counts.requests += 1
        method: str = scope["method"]
        served = self.table.find(name)
        if served is None:
            await self._missing(send, method)
            return
        if method not in ("GET", "HEAD"):
            await refuse(send, 405, "only GET and HEAD", method, (b"allow", b"GET, HEAD"))
            return
        asked = _asked(scope["headers"])
        wanted = asked.get(b"range") if method == "GET" else None
        accepts = asked.get(b"accept-encoding")
        # Ranges count the bytes of the plain file: a piece of a compressed one helps nobody.
        plain = wanted is not None and choose(accepts, {"identity": 0}) is not None
        coding = "identity" if plain else choose(accepts, served.sizes)
        if coding is None:
            vary = (b"vary", b"Accept-Encoding")
            await refuse(send, 406, "no acceptable content coding", method, vary)
            return
        form = served.forms[coding]
        if b"if-none-match" in asked and matches(asked[b"if-none-match"], form.etag):
            self.counts.not_modified += 1
            await _start(send, 304, form.not_modified)
            await send({"type": "http.response.body", "body": b""})
        elif method == "HEAD":
            await _start(send, 200, form.headers)
            await send({"type": "http.response.body", "body": b""})
        elif plain and wanted is not None and asked.get(b"if-range", form.etag) == form.etag:
            await self._part(form, wanted, send)
        else:
            await self._send(form, 200, form.headers, 0, form.size, send)

    async def _part(self, form: Form, wanted: str, send: Send) -> None:
        try:
            start, end = byte_range(wanted, form.size) or (0, 0)
        except ValueError:
            total = (b"content-range", b"bytes */%d" % form.size)
            await refuse(send, 416, "the range lies beyond the file", "GET", total)
            return
        if end == 0:
            await self._send(form, 200, form.headers, 0, form.size, send)
            return
        length = (b"content-length", b"%d" % (end - start))
        told = [length if h[0] == b"content-length" else h for h in form.headers]
        told.append((b"content-range", b"bytes %d-%d/%d" % (start, end - 1, form.size)))
        await self._send(form, 206, told, start, end, send)

    async def _send(
        self, form: Form, status: int, headers: Headers, start: int, end: int, send: Send
    ) -> None:
        body = form.body
        if body is None and self.table.room_for(form):
            from anyio import to_thread

            body = await to_thread.run_sync(whole, form)
            if body is None:
                await self._missing(send, "GET")
                return
            self.table.hold(form, body)
        if body is None:
            await self._stream(form, status, headers, start, end, send)
            return
        self.counts.sent_bytes += end - start
        await _start(send, status, headers)
        part = body if end - start == form.size else body[start:end]
        await send({"type": "http.response.body", "body": part})

    async def _stream(
        self, form: Form, status: int, headers: Headers, start: int, end: int, send: Send
    ) -> None:
        from anyio import to_thread

        file = await to_thread.run_sync(opened, form)
        if file is None:
            await self._missing(send, "GET")
            return
        with file:
            file.seek(start)
            await _start(send, status, headers)
            while start < end:
                chunk = await to_thread.run_sync(file.read, min(CHUNK, end - start))
                if not chunk:  # cut short while it was sent: the server ends the connection
                    raise OSError(f"{form.path} became shorter while it was sent")
                start += len(chunk)
                self.counts.sent_bytes += len(chunk)
                more = start < end
                await send({"type": "http.response.body", "body": chunk, "more_body": more})

    async def _missing(self, send: Send, method: str) -> None:
        self.counts.not_found += 1
        await refuse(send, 404, "no such asset", method)


async def refuse(
    send: Send, status: int, reason: str, method: str, *more: tuple[bytes, bytes]
) -> None:
    """Send a short answer in plain text that nobody may store."""
    body = reason.encode() + b"\n"
    length = (b"content-length", b"%d" % len(body))
    kind = (b"content-type", b"text/plain; charset=utf-8")
    await _start(send, status, [kind, length, NEVER_STORED, NOSNIFF, *more])
    await send({"type": "http.response.body", "body": b"" if method == "HEAD" else body})


async def _start(send: Send, status: int, headers: Headers) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})


def _asked(headers: Iterable[tuple[bytes, bytes]]) -> dict[bytes, str]:
    asked: dict[bytes, str] = {}
    for name, value in headers:
        if name in READ:
            text = value.decode("latin-1")
            asked[name] = f"{asked[name]}, {text}" if name in asked else text
    return asked
