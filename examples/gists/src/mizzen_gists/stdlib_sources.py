"""Which files of Python's standard library are taken in, and how they are read."""

from __future__ import annotations

import ast
import io
import sysconfig
import tokenize
from pathlib import Path

# Left out unless everything is wanted: data in the form of code, tests, and other applications.
BULKY = {
    "test",
    "tests",
    "idlelib",
    "lib2to3",
    "turtledemo",
    "pydoc_data",
    "encodings",
    "distutils",
}
NEVER = {"site-packages", "dist-packages", "__pycache__", "ensurepip", "lib-dynload"}


def folder() -> Path:
    """Return where this interpreter's standard library lies."""
    return Path(sysconfig.get_path("stdlib"))


def source_paths(*, everything: bool = False) -> list[str]:
    """Return the files to import, relative to the library's folder, in a stable order."""
    left_out = NEVER if everything else NEVER | BULKY
    root = folder()
    found = (path.relative_to(root) for path in root.rglob("*.py"))
    return sorted(path.as_posix() for path in found if not left_out & set(path.parts))


def read_source(path: str) -> str:
    """Return a file's text by its declared encoding; what can't be decoded is shown as U+FFFD."""
    raw = (folder() / path).read_bytes()
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(raw).readline)
    except SyntaxError:  # the library's own tests declare encodings that don't exist
        encoding = "utf-8"
    return raw.decode(encoding, errors="replace").replace("\r\n", "\n").replace("\0", "\ufffd")


def summary(text: str) -> str:
    """Return the first line of the module's docstring, if it has one."""
    try:
        docstring = ast.get_docstring(ast.parse(text)) or ""
    except (SyntaxError, ValueError, RecursionError):
        return ""
    return docstring.strip().partition("\n")[0][:300]
