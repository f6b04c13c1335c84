"""The files of a manifest by name, each form with its headers written out beforehand."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING

from ._compress import SUFFIXES
from ._digests import from_integrity
from ._media import media_type

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from ._manifest import Asset

Headers = list[tuple[bytes, bytes]]

# A browser must not run a script that a client uploaded as something else.
NOSNIFF = (b"x-content-type-options", b"nosniff")


@dataclass(slots=True)
class Form:
    """One form of a file, plain or compressed."""

    path: Path
    size: int
    etag: str
    headers: Headers
    not_modified: Headers
    body: bytes | None = None


@dataclass(frozen=True, slots=True)
class Served:
    """One file with all its forms by content coding; `identity` is the plain one."""

    forms: Mapping[str, Form]
    sizes: dict[str, int]


@dataclass(slots=True)
class Table:
    """What is served, and how many bytes of it may stay in memory."""

    folder: Path
    memory: int
    files: dict[str, Served] = field(default_factory=dict[str, Served])
    held: int = 0

    def load(self, assets: Mapping[str, Asset]) -> None:
        """Serve exactly *assets*; what is in memory of files that stay is kept."""
        before = self.files
        self.files = {file: _served(self.folder, file, a) for file, a in assets.items()}
        self.held = 0
        for file, served in self.files.items():
            for coding, form in served.forms.items():
                old = before[file].forms.get(coding) if file in before else None
                if old is not None and old.body is not None and old.etag == form.etag:
                    form.body = old.body
                    self.held += form.size

    def room_for(self, form: Form) -> bool:
        """Tell whether a file may be held in memory too."""
        return self.held + form.size <= self.memory

    def hold(self, form: Form, body: bytes) -> None:
        """Keep a file's bytes for the next request."""
        if form.body is None:
            form.body = body
            self.held += form.size


def opened(form: Form) -> IO[bytes] | None:
    """Open a file that still has the size the manifest says; None if not. Blocking."""
    try:
        file = form.path.open("rb")
    except OSError:
        return None
    if os.fstat(file.fileno()).st_size == form.size:
        return file
    file.close()
    return None


def whole(form: Form) -> bytes | None:
    """Read such a file in one go; None if it is gone or cut short. Blocking."""
    file = opened(form)
    if file is None:
        return None
    with file:
        return file.read()


def _served(folder: Path, file: str, asset: Asset) -> Served:
    sizes = {"identity": asset.size, **asset.encodings}
    forms = {coding: _form(folder, file, asset, coding, size) for coding, size in sizes.items()}
    return Served(forms, sizes)


def _form(folder: Path, file: str, asset: Asset, coding: str, size: int) -> Form:
    plain = coding == "identity"
    # Different bytes need different tags: a cache may hold both forms.
    etag = '"' + from_integrity(asset.integrity)[:24] + ("" if plain else f"-{coding}") + '"'
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
        NOSNIFF,
    ]
    if not plain:
        headers.append((b"content-encoding", coding.encode()))
    return Form(folder / (file + ("" if plain else SUFFIXES[coding])), size, etag, headers, lasting)
