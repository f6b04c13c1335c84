"""Find the files that a stylesheet refers to."""

from __future__ import annotations

import re
from dataclasses import dataclass

_STRING = r'"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\''
# Comments and strings are matched so that what looks like a reference in them is passed over.
_TOKEN = re.compile(
    rf"(?P<comment>/\*.*?(?:\*/|\Z))"
    rf"|@import\s*(?P<imported>{_STRING})"
    rf"|url\(\s*(?P<url>{_STRING}|(?:\\.|[^\"'()\\\s])*)\s*\)"
    rf"|(?P<set>(?:-webkit-)?image-set\()"
    rf"|(?P<type>type\(\s*(?:{_STRING})\s*\))"
    rf"|(?P<string>{_STRING})"
    r"|(?P<open>\()|(?P<close>\))",
    re.DOTALL | re.IGNORECASE,
)
_ESCAPE = re.compile(r"\\(?:([0-9a-fA-F]{1,6})\s?|(.))", re.DOTALL)
_ELSEWHERE = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*:|//|#|\Z")


@dataclass(frozen=True, slots=True)
class Reference:
    """One reference to a file: its target as written, its place as an offset."""

    target: str
    start: int
    end: int


def references(css: str) -> list[Reference]:
    """Return the references to files in url(), @import and image-set(), in order.

    Those with a scheme or host, and to a fragment of the same document, are left out.
    """
    found: list[Reference] = []
    sets: list[int] = []  # the depth of brackets at which each open image-set() began
    depth = 0
    for match in _TOKEN.finditer(css):
        kind = match.lastgroup
        if kind in ("set", "open"):
            depth += 1
            if kind == "set":
                sets.append(depth)
        elif kind == "close":
            if sets and sets[-1] == depth:
                sets.pop()
            depth -= 1
        elif kind in ("imported", "url") or (kind == "string" and sets):
            target = _unquoted(match[kind])
            if not _ELSEWHERE.match(target):
                found.append(Reference(target, *match.span(kind)))
    return found


def _unquoted(text: str) -> str:
    inner = text[1:-1] if text[:1] in "\"'" and text else text
    return _ESCAPE.sub(_unescaped, inner).strip()


def _unescaped(match: re.Match[str]) -> str:
    return chr(int(match[1], 16)) if match[1] else match[2].replace("\n", "")
