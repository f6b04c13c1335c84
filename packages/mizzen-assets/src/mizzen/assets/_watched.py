"""Whether any source was touched: one stat per file, no content."""

from __future__ import annotations

import os
from copy import copy
from typing import TYPE_CHECKING

from ._sources import walk

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ._options import Layout

Marks = dict[str, tuple[int, int]]


class Snapshot:
    """The times and sizes of all sources as they were when it was made."""

    def __init__(self, layout: Layout, others: Iterable[str]) -> None:
        self._layout, self._others = layout, sorted(others)
        self._marks = self._look()

    def holds(self) -> bool:
        """Tell whether everything still looks the same."""
        return self._marks == self._look()

    def widened(self, others: Iterable[str]) -> Snapshot:
        """Return this snapshot, watching other files outside the source folder as they are now."""
        wider = copy(self)
        wider._others = sorted(others)
        wider._marks = self._marks | _marks(wider._others)
        return wider

    def _look(self) -> Marks:
        layout = self._layout
        paths = [str(path) for _, path in walk(layout.root, layout.output)]
        for extra in layout.static:
            paths += [str(path) for _, path in walk(extra, layout.output)] or [str(extra)]
        return _marks([*paths, *self._others])


def _marks(paths: Iterable[str]) -> Marks:
    marks: Marks = {}
    for path in paths:
        try:
            stat = os.stat(path)
        except OSError:
            continue
        marks[path] = (stat.st_mtime_ns, stat.st_size)
    return marks
