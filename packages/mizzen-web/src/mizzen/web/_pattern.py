"""A route's path: `/gists/{id:int}/files/{name:path}` read once, matched and built many times."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote, urlencode
from uuid import UUID

from ._errors import DefinitionError, UnknownRoute

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_PARAMETER = re.compile(r"\{([A-Za-z_]\w*)(?::([a-z]+))?\}")
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def read_int(text: str) -> int | None:
    """Return an unsigned decimal that fits 63 bits, else None: no sign, space or underscore."""
    if len(text) <= 18 and text.isascii() and text.isdigit():
        return int(text)
    return None


def read_uuid(text: str) -> UUID | None:
    """Return a UUID in its usual dashed form, else None."""
    return UUID(text) if _UUID.fullmatch(text) else None


# Kinds that refuse some segments; `str` takes any segment, `path` the whole rest.
READERS: dict[str, Callable[[str], Any]] = {"int": read_int, "uuid": read_uuid}
KINDS: dict[str, type] = {"str": str, "path": str, "int": int, "uuid": UUID}


class Segment(NamedTuple):
    """One step of a path: fixed text, or a parameter of some kind."""

    text: str
    kind: str | None = None


class Pattern:
    """A path with its parameters; `kinds` fills in those that the path leaves open."""

    def __init__(self, path: str, kinds: Mapping[str, str] | None = None) -> None:
        if not path.startswith("/"):
            raise DefinitionError(f"the path {path!r} has to start with '/'")
        self.path = path
        self.segments: list[Segment] = [
            self._segment(part, kinds or {}) for part in path[1:].split("/")
        ]
        self.names: tuple[str, ...] = tuple(s.text for s in self.segments if s.kind)
        self._check()

    @property
    def key(self) -> str:
        """The path with its parameters' names left out: what makes two definitions the same."""
        return _PARAMETER.sub(lambda found: "{:" + (found[2] or "") + "}", self.path)

    def build(self, values: dict[str, Any]) -> str:
        """Return the URL path; values that are no parameters become the query."""
        rest = dict(values)
        parts = [s.text if s.kind is None else self._fill(s, rest) for s in self.segments]
        query = {name: value for name, value in rest.items() if value is not None}
        return "/" + "/".join(parts) + ("?" + urlencode(query, doseq=True) if query else "")

    def _segment(self, part: str, kinds: Mapping[str, str]) -> Segment:
        found = _PARAMETER.fullmatch(part)
        if found is None:
            if "{" in part or "}" in part:
                raise DefinitionError(
                    f"{part!r} in {self.path!r}: a parameter fills a whole segment, as in "
                    "'/gists/{id}' or '/files/{name:path}'"
                )
            return Segment(part)
        name, kind = found[1], found[2] or kinds.get(found[1], "str")
        if kind not in KINDS:
            raise DefinitionError(
                f"{part!r} in {self.path!r}: {kind!r} is none of {', '.join(sorted(KINDS))}"
            )
        return Segment(name, kind)

    def _check(self) -> None:
        if len(set(self.names)) != len(self.names):
            raise DefinitionError(f"{self.path!r} names a parameter twice")
        if any(s.kind == "path" for s in self.segments[:-1]):
            raise DefinitionError(f"{self.path!r}: a 'path' parameter takes all, so it comes last")

    def _fill(self, segment: Segment, values: dict[str, Any]) -> str:
        if segment.text not in values:
            raise UnknownRoute(f"the URL of {self.path!r} needs a value for {segment.text!r}")
        text = str(values.pop(segment.text))
        reader = READERS.get(segment.kind or "")
        steps = text.split("/") if segment.kind == "path" else [text]
        # Browsers resolve dot segments, and read a doubled slash as another host.
        if any(step in {"", ".", ".."} for step in steps) or (reader and reader(text) is None):
            raise UnknownRoute(f"{text!r} cannot stand for {segment.text!r} in {self.path!r}")
        return quote(text, safe="/" if segment.kind == "path" else "")
