"""Answer requests: one look-up in a table of prepared answers; no path ever leads to a file."""

from __future__ import annotations

import posixpath
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ._compress import SUFFIXES
from ._digests import from_integrity
from ._media import media_type
from ._negotiate import byte_range, choose, matches

if TYPE_CHECKING:
    from pathlib import Path

    from ._manifest import Asset

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

CHUNK = 256 * 1024
SAFE = (b"x-content-type-options", b"nosniff")
# A file that is missing now may exist after the next deployment.
NEVER_STORED = (b"cache-control", b"no-store")


@dataclass(slots=True)
class Form:
    """One form of a file, plain or compressed, with its headers written out."""

    path: Path
    size: int
    etag: str
    headers: Headers
    not_modified: Headers
    body: bytes | None = None


@dataclass(frozen=True, slots=True)
class Served:
    """One file with all its forms by content coding."""

    forms: Mapping[str, Form]
    sizes: dict[str, int]


@dataclass(slots=True)
class Counts:
    """What was answered so far."""

    requests: int = 0
    not_modified: int = 0
    not_found: int = 0
    sent_bytes: int = 0


@dataclass(slots=True)
class Table:
    """The files of a manifest by name, and how much of them may stay in memory."""

    folder: Path
    memory: int
    files: dict[str, Served] = field(default_factory=dict[str, Served])
    held: int = 0

    def load(self, assets: Mapping[str, Asset]) -> None:
        """Serve exactly *assets*; what is in memory of unchanged files stays there."""
        before = self.files
        self.files = {file: _served(self.folder, file, a) for file, a in assets.items()}
        self.held = 0
        for file, served in self.files.items():
            for coding, form in served.forms.items():
                old = before[file].forms.get(coding) if file in before else None
                if old is not None and old.body is not None and old.etag == form.etag:
                    form.body = old.body
                    self.held += form.size

    async def answer(
        self,
        name: str,
        method: str,
        headers: Iterable[tuple[bytes, bytes]],
        send: Send,
        counts: Counts,
    ) -> None:
        """Send the file called *name*, or the reason why not."""
        counts.requests += 1
        served = self.files.get(name)
        if served is None:
            counts.not_found += 1
            await refuse(send, 404, "no such asset", method)
            return
        if method not in ("GET", "HEAD"):
            await refuse(send, 405, "only GET and HEAD", method, [(b"allow", b"GET, HEAD")])
            return
        asked = _asked(headers)
        wanted = asked.get(b"range") if method == "GET" else None
        # A range counts bytes of the plain file: ranges of compressed forms help no one.
        coding = choose(asked.get(b"accept-encoding"), served.sizes)
        if wanted is not None and choose(asked.get(b"accept-encoding"), {"identity": 0}):
            coding = "identity"
        if coding is None:
            vary = [(b"vary", b"Accept-Encoding")]
            await refuse(send, 406, "no acceptable content coding", method, vary)
            return
        form = served.forms[coding]
        if b"if-none-match" in asked and matches(asked[b"if-none-match"], form.etag):
            counts.not_modified += 1
            await _start(send, 304, form.not_modified)
            await send({"type": "http.response.body", "body": b""})
            return
        if method == "HEAD":
            await _start(send, 200, form.headers)
            await send({"type": "http.response.body", "body": b""})
            return
        if wanted is not None and asked.get(b"if-range", form.etag) == form.etag:
            await self._part(form, wanted, send, counts)
            return
        await self._send(form, 200, form.headers, 0, form.size, send, counts)

    async def _part(self, form: Form, wanted: str, send: Send, counts: Counts) -> None:
        try:
            part = byte_range(wanted, form.size)
        except ValueError:
            total = [(b"content-range", b"bytes */%d" % form.size)]
            await refuse(send, 416, "the range lies beyond the file", "GET", total)
            return
        if part is None:
            await self._send(form, 200, form.headers, 0, form.size, send, counts)
            return
        start, end = part
        told = [
            (name, b"%d" % (end - start) if name == b"content-length" else value)
            for name, value in form.headers
        ]
        told.append((b"content-range", b"bytes %d-%d/%d" % (start, end - 1, form.size)))
        await self._send(form, 206, told, start, end, send, counts)

    async def _send(
        self,
        form: Form,
        status: int,
        headers: Headers,
        start: int,
        end: int,
        send: Send,
        counts: Counts,
    ) -> None:
        body = form.body
        if body is None and self.held + form.size <= self.memory:
            body = await self._remember(form)
        if body is not None:
            counts.sent_bytes += end - start
            await _start(send, status, headers)
            part = body if end - start == form.size else body[start:end]
            await send({"type": "http.response.body", "body": part})
            return
        from anyio import to_thread

        try:
            file = await to_thread.run_sync(open, form.path, "rb")
        except OSError:
            counts.not_found += 1
            await refuse(send, 404, "the file is gone; build again", "GET")
            return
        try:
            await to_thread.run_sync(file.seek, start)
            await _start(send, status, headers)
            while start < end:
                chunk = await to_thread.run_sync(file.read, min(CHUNK, end - start))
                if not chunk:  # cut short behind our back: the server ends the connection
                    raise OSError(f"{form.path} is shorter than the manifest says")
                start += len(chunk)
                counts.sent_bytes += len(chunk)
                more = start < end
                await send({"type": "http.response.body", "body": chunk, "more_body": more})
            if form.size == 0:
                await send({"type": "http.response.body", "body": b""})
        finally:
            await to_thread.run_sync(file.close)

    async def _remember(self, form: Form) -> bytes | None:
        from anyio import to_thread

        try:
            body = await to_thread.run_sync(form.path.read_bytes)
        except OSError:
            return None
        if len(body) != form.size:
            return None
        if form.body is None:
            form.body = body
            self.held += form.size
        return body


async def refuse(
    send: Send, status: int, reason: str, method: str, more: Iterable[tuple[bytes, bytes]] = ()
) -> None:
    """Send a short answer in plain text that nobody may store."""
    body = reason.encode() + b"\n"
    length = (b"content-length", b"%d" % len(body))
    kind = (b"content-type", b"text/plain; charset=utf-8")
    await _start(send, status, [kind, length, NEVER_STORED, SAFE, *more])
    await send({"type": "http.response.body", "body": b"" if method == "HEAD" else body})


async def _start(send: Send, status: int, headers: Headers) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})


def _asked(headers: Iterable[tuple[bytes, bytes]]) -> dict[bytes, str]:
    asked: dict[bytes, str] = {}
    for name, value in headers:
        if name in _READ:
            text = value.decode("latin-1")
            asked[name] = f"{asked[name]}, {text}" if name in asked else text
    return asked


_READ = {b"accept-encoding", b"if-none-match", b"range", b"if-range"}


def _served(folder: Path, file: str, asset: Asset) -> Served:
    mark = from_integrity(asset.integrity)[:24]
    sizes = {"identity": asset.size, **asset.encodings}
    forms: dict[str, Form] = {}
    for coding, size in sizes.items():
        plain = coding == "identity"
        etag = f'"{mark}"' if plain else f'"{mark}-{coding}"'
        lasting: Headers = [
            (b"etag", etag.encode()),
            (b"cache-control", b"public, max-age=31536000, immutable"),
        ]
        if asset.encodings:
            lasting.append((b"vary", b"Accept-Encoding"))
        headers: Headers = [
            (b"content-type", media_type(file).encode()),
            (b"content-length", b"%d" % size),
            *lasting,
            (b"accept-ranges", b"bytes"),
            SAFE,
        ]
        if not plain:
            headers.append((b"content-encoding", coding.encode()))
        path = folder / posixpath.join(file + ("" if plain else SUFFIXES[coding]))
        forms[coding] = Form(path, size, etag, headers, lasting)
    return Served(forms, sizes)
