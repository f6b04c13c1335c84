"""The files of a manifest by name, each form with its headers written out once."""

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
    assets: Mapping[str, Asset] = field(default_factory=dict[str, "Asset"])
    held: int = 0
    _prepared: dict[str, Served] = field(default_factory=dict[str, Served])

    def load(self, assets: Mapping[str, Asset]) -> None:
        """Serve exactly *assets*; what is prepared and in memory of files that stay is kept."""
        before, self.assets = self.assets, assets
        stay = {f: s for f, s in self._prepared.items() if assets.get(f) == before[f]}
        self._prepared = stay
        forms = (form for served in stay.values() for form in served.forms.values())
        self.held = sum(form.size for form in forms if form.body is not None)

    def find(self, file: str) -> Served | None:
        """Return a file's forms, prepared when it is first asked for; None if there is none."""
        served = self._prepared.get(file)
        if served is None and (asset := self.assets.get(file)) is not None:
            served = self._prepared[file] = _served(self.folder, file, asset)
        return served

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
