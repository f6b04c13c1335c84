"""Digests of files, remembered for as long as a file's stat stays the same."""

from __future__ import annotations

import base64
import hashlib
import os
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

# A file saved twice within one tick of the clock keeps its stat; so a digest is trusted
# without reading again only when the file was already this old as it was read.
SETTLED = 0.1


def digest(body: bytes) -> str:
    """Return the SHA-384 of *body* in hex: one digest serves names, ETags and integrity."""
    return hashlib.sha384(body).hexdigest()


def integrity(digest: str) -> str:
    """Return the digest as browsers want it in an `integrity` attribute."""
    return "sha384-" + base64.b64encode(bytes.fromhex(digest)).decode()


def from_integrity(integrity: str) -> str:
    """Return the hex digest of an `integrity` value."""
    return base64.b64decode(integrity.removeprefix("sha384-")).hex()


class Digests:
    """The digests of files by path; safe in several threads."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[tuple[int, int, int], str]] = {}

    def of(self, path: Path | str) -> str | None:
        """Return the digest of a file's content, or None when it cannot be read."""
        key = str(path)
        try:
            stat = os.stat(key)
            mark = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
            known = self._known.get(key)
            if known is not None and known[0] == mark:
                return known[1]
            with open(key, "rb") as file:
                found = hashlib.file_digest(file, "sha384").hexdigest()
        except OSError:
            return None
        if time.time() - stat.st_mtime > SETTLED:
            self._known[key] = (mark, found)
        return found
