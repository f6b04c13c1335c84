"""The compilers: one per file, imported when the first entry needs it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..abc import Tool

GROUP = "mizzen.assets.tools"

# Known before the compilers are imported, so that a walk over the sources costs nothing.
OURS = {
    ".scss": "sass",
    ".sass": "sass",
    ".ts": "bun",
    ".tsx": "bun",
    ".mts": "bun",
    ".jsx": "bun",
}
# Copied as they are, unless they are named as an entry: then they are bundled.
BUNDLED_ON_REQUEST = {".js": "bun", ".mjs": "bun"}


class Toolbox:
    """Finds the compiler of a file name and keeps it for the next build."""

    def __init__(self, tools: Iterable[Tool] = ()) -> None:
        self._tools: dict[str, Tool] = {}
        self._given = list(tools)
        self._plugins: list[Tool] | None = None

    def for_suffix(self, suffix: str, entry: bool = False) -> Tool | None:
        """Return the compiler of *suffix*, or None when such files are copied."""
        for tool in self._others():
            if suffix in tool.makes:
                return tool
        name = OURS.get(suffix) or (BUNDLED_ON_REQUEST.get(suffix) if entry else None)
        return self._ours(name) if name else None

    def suffixes(self) -> frozenset[str]:
        """Return the suffixes of the files that are compiled rather than copied."""
        return frozenset(OURS).union(*(tool.makes for tool in self._others()))

    def close(self) -> None:
        """End what the compilers left running."""
        for tool in (*self._tools.values(), *self._others()):
            tool.close()

    def _others(self) -> list[Tool]:
        if self._plugins is None:
            from importlib.metadata import entry_points

            self._plugins = [point.load()() for point in entry_points(group=GROUP)]
        return [*self._given, *self._plugins]

    def _ours(self, name: str) -> Tool:
        if name not in self._tools:
            if name == "sass":
                from .sass import Sass

                self._tools[name] = Sass()
            else:
                from .bun import Bun

                self._tools[name] = Bun()
        return self._tools[name]
