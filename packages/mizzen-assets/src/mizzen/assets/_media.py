"""Media types by file suffix: a fixed table, so that no machine's own table changes a header."""

from __future__ import annotations

import posixpath

_TEXT = {
    ".css": "text/css",
    ".csv": "text/csv",
    ".html": "text/html",
    ".js": "text/javascript",
    ".md": "text/markdown",
    ".mjs": "text/javascript",
    ".txt": "text/plain",
    ".xml": "text/xml",
}
_OTHER = {
    ".avif": "image/avif",
    ".gif": "image/gif",
    ".ico": "image/x-icon",
    ".jpeg": "image/jpeg",
    ".jpg": "image/jpeg",
    ".json": "application/json",
    ".map": "application/json",
    ".mp3": "audio/mpeg",
    ".mp4": "video/mp4",
    ".ogg": "audio/ogg",
    ".otf": "font/otf",
    ".pdf": "application/pdf",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".ttf": "font/ttf",
    ".wasm": "application/wasm",
    ".wav": "audio/wav",
    ".webm": "video/webm",
    ".webmanifest": "application/manifest+json",
    ".webp": "image/webp",
    ".woff": "font/woff",
    ".woff2": "font/woff2",
}


def media_type(name: str) -> str:
    """Return the Content-Type of a file, with its charset when it is text."""
    suffix = posixpath.splitext(name)[1].lower()
    text = _TEXT.get(suffix)
    if text is not None:
        return f"{text}; charset=utf-8"
    return _OTHER.get(suffix, "application/octet-stream")
