"""Form bodies: urlencoded by the standard library, multipart by python-multipart (`[forms]`).

Every count and size is limited before memory is spent: fields, files, bytes of a field (a part
without a file name is a field, CVE-2024-47874), and the whole body by the reader above.
"""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, Any

from ._errors import BadRequest, HTTPError, MissingExtra
from ._values import Values

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Iterable

_SPOOL = 1 << 20
_FIELD = 1 << 20


class Upload:
    """A file that came with a form; gone when the request ends.

    `filename` is the client's word: show it, don't build paths from it.
    """

    def __init__(self, filename: str, content_type: str) -> None:
        import tempfile

        self.filename = filename
        self.content_type = content_type
        self.size: int = 0
        # Spooled: small files stay in memory. Closed with the form, not in a `with` here.
        self.file: IO[bytes] = tempfile.SpooledTemporaryFile(_SPOOL)  # noqa: SIM115

    async def read(self, size: int = -1) -> bytes:
        """Return the next bytes, to the end unless a size is given."""
        from anyio import to_thread

        if self.size <= _SPOOL:
            return self.file.read(size)
        return await to_thread.run_sync(self.file.read, size)

    async def write(self, data: bytes) -> None:
        """Append; once it lies on disk, in a thread."""
        from anyio import to_thread

        self.size += len(data)
        if self.size <= _SPOOL:
            self.file.write(data)
        else:
            await to_thread.run_sync(self.file.write, data)

    def __repr__(self) -> str:
        return f"<mizzen.web.Upload {self.filename!r}, {self.size} bytes>"


class Form(Values):
    """A form's text fields, and its `files` by field name."""

    __slots__ = ("files",)

    def __init__(
        self,
        pairs: Iterable[tuple[str, str]] = (),
        files: Iterable[tuple[str, Upload]] = (),
    ) -> None:
        super().__init__(pairs)
        self.files: dict[str, list[Upload]] = {}
        for name, upload in files:
            self.files.setdefault(name, []).append(upload)

    def file(self, name: str) -> Upload | None:
        """Return the last file of a field; an empty file input gives None."""
        uploads = self.files.get(name)
        return uploads[-1] if uploads else None

    def close(self) -> None:
        """Let go of the files."""
        for uploads in self.files.values():
            for upload in uploads:
                upload.file.close()


class _Part:
    def __init__(self) -> None:
        self.header = bytearray()
        self.value = bytearray()
        self.headers: dict[bytes, bytes] = {}
        self.name = ""
        self.upload: Upload | None = None
        self.ignored = False


async def read_multipart(
    chunks: AsyncIterable[bytes], content_type: str, *, max_fields: int, max_files: int
) -> Form:
    """Return the form; what breaks a limit is a 413, what breaks the format a 400."""
    try:
        from python_multipart.exceptions import FormParserError
        from python_multipart.multipart import MultipartParser, parse_options_header
    except ImportError as exc:
        raise MissingExtra(
            'reading a multipart form needs python-multipart: pip install "mizzen-web[forms]"'
        ) from exc

    _, options = parse_options_header(content_type)
    boundary = options.get(b"boundary", b"")
    if not boundary:
        raise BadRequest("The multipart form names no boundary.")
    pairs: list[tuple[str, str]] = []
    files: list[tuple[str, Upload]] = []
    part = _Part()
    # The parser calls back synchronously; writes to files wait here for the chunk's end.
    waiting: list[tuple[Upload, bytes]] = []
    finished = False

    def on_part_begin() -> None:
        nonlocal part
        part = _Part()

    def on_header_field(data: bytes, start: int, end: int) -> None:
        part.header += data[start:end]

    def on_header_value(data: bytes, start: int, end: int) -> None:
        part.value += data[start:end]

    def on_header_end() -> None:
        part.headers[bytes(part.header).lower()] = bytes(part.value)
        part.header, part.value = bytearray(), bytearray()

    def on_headers_finished() -> None:
        _, given = parse_options_header(part.headers.get(b"content-disposition", b""))
        if b"name" not in given:
            raise BadRequest("A part of the multipart form has no name.")
        part.name = _text(given[b"name"])
        if b"filename" not in given:
            if len(pairs) >= max_fields:
                raise HTTPError(413, f"The form has more than {max_fields} fields.")
            return
        filename = _text(given[b"filename"])
        if not filename:
            part.ignored = True  # a file input left empty
            return
        if len(files) >= max_files:
            raise HTTPError(413, f"The form has more than {max_files} files.")
        media = part.headers.get(b"content-type", b"application/octet-stream")
        part.upload = Upload(filename, media.decode("latin-1"))
        files.append((part.name, part.upload))

    def on_part_data(data: bytes, start: int, end: int) -> None:
        if part.upload is not None:
            waiting.append((part.upload, data[start:end]))
        elif not part.ignored:
            part.value += data[start:end]
            if len(part.value) > _FIELD:
                raise HTTPError(413, f"The field {part.name!r} is longer than {_FIELD} bytes.")

    def on_part_end() -> None:
        if part.upload is None and not part.ignored:
            pairs.append((part.name, _text(bytes(part.value))))

    def on_end() -> None:
        nonlocal finished
        finished = True

    callbacks: Any = {
        "on_part_begin": on_part_begin,
        "on_part_data": on_part_data,
        "on_part_end": on_part_end,
        "on_header_field": on_header_field,
        "on_header_value": on_header_value,
        "on_header_end": on_header_end,
        "on_headers_finished": on_headers_finished,
        "on_end": on_end,
    }
    try:
        parser = MultipartParser(boundary, callbacks)
        async for chunk in chunks:
            parser.write(chunk)
            for upload, data in waiting:
                await upload.write(data)
            waiting.clear()
        if not finished:
            raise BadRequest("The multipart form ends too early.")
    except BaseException as exc:
        Form((), files).close()
        if isinstance(exc, FormParserError):
            raise BadRequest("The multipart form is malformed.") from exc
        raise
    for _, upload in files:
        upload.file.seek(0)
    return Form(pairs, files)


def _text(raw: bytes) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as exc:
        raise BadRequest("The fields are not valid UTF-8.") from exc
