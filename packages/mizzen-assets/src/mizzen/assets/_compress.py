"""Compressed variants of a file, made once when it is built."""

from __future__ import annotations

import gzip
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

# Formats that carry their own compression; trying again costs seconds and saves nothing.
_DENSE = """
    avif br bz2 gif gz jpeg jpg jxl mp3 mp4 oga ogg ogv opus pdf png webm webp woff woff2 xz zip zst
"""
DENSE = frozenset("." + name for name in _DENSE.split())
SUFFIXES = {"br": ".br", "zstd": ".zst", "gzip": ".gz"}

Codec = tuple[str, "Callable[[bytes], bytes]"]


def variants(suffix: str, body: bytes) -> dict[str, bytes]:
    """Return the compressed forms of *body* that are smaller than it, by content coding."""
    if suffix.lower() in DENSE:
        return {}
    made = {coding: compress(body) for coding, (_, compress) in codecs().items()}
    return {coding: packed for coding, packed in made.items() if len(packed) < len(body)}


@cache
def codecs() -> dict[str, Codec]:
    """Return the codings this installation can write, with the version of each."""
    found: dict[str, Codec] = {"gzip": ("zlib", _gzip)}
    for coding, find in (("br", _brotli), ("zstd", _zstd)):
        codec = find()
        if codec is not None:
            found[coding] = codec
    return found


def _gzip(body: bytes) -> bytes:
    return gzip.compress(body, 9, mtime=0)


def _brotli() -> Codec | None:
    try:
        brotli: Any = import_module("brotli")
    except ImportError:
        return None
    return f"brotli {brotli.__version__}", lambda body: brotli.compress(body, quality=11)


def _zstd() -> Codec | None:
    # Level 19 keeps the window at 8 MB, the most that browsers accept.
    try:
        stdlib: Any = import_module("compression.zstd")
    except ImportError:
        pass
    else:
        version = ".".join(map(str, stdlib.zstd_version_info))
        return f"zstd {version}", lambda body: stdlib.compress(body, 19)
    try:
        zstandard: Any = import_module("zstandard")
    except ImportError:
        return None
    version = ".".join(map(str, zstandard.ZSTD_VERSION))
    return f"zstd {version}", lambda body: zstandard.ZstdCompressor(level=19).compress(body)
