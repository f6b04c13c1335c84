"""Give every file its final bytes and its fingerprinted name.

A stylesheet's bytes hold the names of the files it refers to, so those are finished first:
a change deep down changes every name above it, and nothing else.
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from ._digests import digest
from ._errors import BrokenReference
from ._mapping import origin, place, shifted
from ._references import references

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ._references import Reference

# Eight hex digits: the name only has to differ from the other versions of the same file.
FINGERPRINT = 8


@dataclass(frozen=True, slots=True)
class Item:
    """A file before linking. `load` is called at most twice, and only if the bytes matter."""

    name: str
    digest: str
    load: Callable[[], bytes]
    source: str
    """What an error message calls it."""
    map: bytes | None = None
    publish_map: bool = False
    final: bool = False


@dataclass(frozen=True, slots=True)
class Linked:
    """A file as it will be published."""

    name: str
    file: str
    digest: str
    load: Callable[[], bytes]


def link(items: Mapping[str, Item], prefix: str) -> dict[str, Linked]:
    """Return every item in its final form; raises BrokenReference."""
    linker = _Linker(items, prefix)
    for name in sorted(items):
        linker.finished(name)
    return linker.done


def fingerprinted(name: str, digest: str) -> str:
    """Return `app-1a2b3c4d.css` for `app.css`."""
    stem, suffix = posixpath.splitext(name)
    return f"{stem}-{digest[:FINGERPRINT]}{suffix}"


class _Linker:
    def __init__(self, items: Mapping[str, Item], prefix: str) -> None:
        self.done: dict[str, Linked] = {}
        self._items, self._prefix = items, prefix
        self._open: list[str] = []

    def finished(self, name: str) -> Linked:
        if name not in self.done:
            item = self._items[name]
            if name.endswith(".css"):
                self._open.append(name)
                self._finish_text(item, *self._rewrite(item))
                self._open.pop()
            elif item.publish_map:
                self._finish_text(item, item.load(), item.map)
            else:
                file = name if item.final else fingerprinted(name, item.digest)
                self.done[name] = Linked(name, file, item.digest, item.load)
        return self.done[name]

    def _finish_text(self, item: Item, body: bytes, source_map: bytes | None) -> None:
        if item.publish_map and source_map is not None:
            name = item.name + ".map"
            mark = digest(source_map)
            mapped = Linked(name, fingerprinted(name, mark), mark, lambda: source_map)
            self.done[name] = mapped
            link = quote(posixpath.basename(mapped.file))
            css = item.name.endswith(".css")
            comment = f"/*# sourceMappingURL={link} */" if css else f"//# sourceMappingURL={link}"
            body = body.rstrip(b"\n") + b"\n" + comment.encode() + b"\n"
        mark = digest(body)
        self.done[item.name] = Linked(item.name, fingerprinted(item.name, mark), mark, lambda: body)

    def _rewrite(self, item: Item) -> tuple[bytes, bytes | None]:
        try:
            css = item.load().decode("utf-8-sig")
        except UnicodeDecodeError:
            raise BrokenReference(
                "the stylesheet is not UTF-8; save it as UTF-8", item.source
            ) from None
        parts: list[str] = []
        edits: list[tuple[int, int, int]] = []
        done = 0
        for reference in references(css):
            new = self._target(item, css, reference)
            if new is not None:
                parts += [css[done : reference.start], f'"{new}"']
                line, column = place(css, reference.end)
                edits.append((line, column, len(new) + 2 - (reference.end - reference.start)))
                done = reference.end
        text = "".join([*parts, css[done:]])
        source_map = item.map
        if source_map is not None and item.publish_map and edits:
            source_map = shifted(source_map, edits)
        return text.encode(), source_map

    def _target(self, item: Item, css: str, reference: Reference) -> str | None:
        path, rest = _split(reference.target)
        absolute = path.startswith(self._prefix)
        if path.startswith("/") and not absolute:
            return None  # another part of the site
        folder = posixpath.dirname(item.name)
        wanted = unquote(path)
        name = wanted[len(self._prefix) :] if absolute else posixpath.join(folder, wanted)
        name = posixpath.normpath(name)
        if name not in self._items:
            raise self._broken(item, css, reference, f"no asset is called {name}")
        if name in self._open:
            circle = " → ".join([*self._open[self._open.index(name) :], name])
            raise self._broken(item, css, reference, f"stylesheets import one another: {circle}")
        file = self.finished(name).file
        link = self._prefix + file if absolute else posixpath.relpath(file, folder or ".")
        return quote(link, safe="/:@!$&+,;=~") + rest

    def _broken(self, item: Item, css: str, reference: Reference, reason: str) -> BrokenReference:
        line, column = place(css, reference.start)
        file = item.source
        if item.map is not None:
            file, line, column = origin(item.map, line, column) or (file, line, column)
        message = f"{reference.target!r} cannot be resolved: {reason}"
        return BrokenReference(message, file, line + 1, column + 1, "link")


def _split(target: str) -> tuple[str, str]:
    path = re.split(r"[?#]", target, maxsplit=1)[0]
    return path, target[len(path) :]
