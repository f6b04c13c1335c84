"""Finding the endpoint of a request: a table of fixed paths, then a tree of segments.

Fixed text wins over `int` and `uuid`, those over `str`, and `path` comes last; the order of
definition plays no part. A branch that turns out not to have the method is left again, so
`DELETE /gists/new` reaches `DELETE /gists/{id}` although `GET /gists/new` is a fixed path.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar

from ._pattern import READERS

if TYPE_CHECKING:
    from collections.abc import Callable

    from ._pattern import Pattern

E = TypeVar("E")


class _Node(Generic[E]):
    __slots__ = ("any", "fixed", "methods", "rest", "typed")

    def __init__(self) -> None:
        self.fixed: dict[str, _Node[E]] = {}
        self.typed: dict[str, tuple[Callable[[str], Any], _Node[E]]] = {}
        self.any: _Node[E] | None = None
        self.rest: dict[str, E] = {}
        self.methods: dict[str, E] = {}


class Router(Generic[E]):
    """Endpoints by method and path."""

    def __init__(self) -> None:
        self._table: dict[str, dict[str, E]] = {}
        self._root: _Node[E] = _Node()
        self._methods: set[str] = set()

    def add(self, method: str, pattern: Pattern, endpoint: E) -> None:
        """Add an endpoint, in place of what the same method and path had; GET answers HEAD too."""
        methods = self._leaf(pattern)
        methods[method] = endpoint
        self._methods.add(method)
        if method == "GET":
            methods.setdefault("HEAD", endpoint)
            self._methods.add("HEAD")

    def find(
        self, method: str, path: str, segments: list[str] | None = None
    ) -> tuple[E, list[Any]] | None:
        """Return the endpoint and its parameters' values in path order, or None.

        `segments` are given where the path holds an encoded slash, which stays inside its own.
        """
        if segments is None:
            methods = self._table.get(path)
            if methods is not None:
                endpoint = methods.get(method)
                if endpoint is not None:
                    return endpoint, []
            segments = path[1:].split("/")
        values: list[Any] = []
        found = _search(self._root, segments, 0, method, values)
        return None if found is None else (found, values)

    def allowed(self, path: str, segments: list[str] | None = None) -> set[str]:
        """Return the methods that some route has for this path."""
        return {method for method in self._methods if self.find(method, path, segments)}

    def _leaf(self, pattern: Pattern) -> dict[str, E]:
        if not pattern.names:
            return self._table.setdefault(pattern.path, {})
        node = self._root
        for text, kind in pattern.segments:
            if kind is None:
                node = node.fixed.setdefault(text, _Node())
            elif kind in READERS:
                node = node.typed.setdefault(kind, (READERS[kind], _Node()))[1]
            elif kind == "path":
                return node.rest
            else:
                node.any = node.any or _Node()
                node = node.any
        return node.methods


def _search(
    node: _Node[E], segments: list[str], at: int, method: str, values: list[Any]
) -> E | None:
    if at == len(segments):
        return node.methods.get(method)
    segment = segments[at]
    child = node.fixed.get(segment)
    if child is not None:
        found = _search(child, segments, at + 1, method, values)
        if found is not None:
            return found
    if not segment:  # an empty segment is never a value: `/gists//` is not a gist
        return None
    for read, child in node.typed.values():
        value = read(segment)
        if value is not None:
            values.append(value)
            found = _search(child, segments, at + 1, method, values)
            if found is not None:
                return found
            values.pop()
    if node.any is not None:
        values.append(segment)
        found = _search(node.any, segments, at + 1, method, values)
        if found is not None:
            return found
        values.pop()
    rest = node.rest.get(method)
    if rest is not None:
        values.append("/".join(segments[at:]))
    return rest
