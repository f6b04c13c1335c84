"""Compile the entries whose input changed, and take the others from the last build."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from ._digests import digest
from ._errors import AssetsError
from ._link import Item
from ._sources import CONFIGURATION
from ._state import Entry, Made, blob
from .abc import Work

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterable, Mapping
    from concurrent.futures import Executor

    from ._digests import Digests
    from ._options import Layout, Options
    from ._output import Output
    from ._tools import Toolbox
    from .abc import Compiled, Tool


@dataclass(frozen=True, slots=True)
class Done:
    """One entry, compiled now (`fresh`) or before."""

    entry: Entry
    items: list[Item]
    fresh: bool


class Compiler:
    """Decides by content whether an entry must be compiled again."""

    def __init__(
        self, layout: Layout, options: Options, tools: Toolbox, output: Output, digests: Digests
    ) -> None:
        self._layout, self._options, self._tools = layout, options, tools
        self._output, self._digests = output, digests
        self._ignored = {"__pycache__", layout.output.name}

    def compile_all(
        self,
        entries: Mapping[str, Path],
        known: Mapping[str, Entry],
        pool: Executor,
        stop: threading.Event,
    ) -> dict[str, Done]:
        """Return every entry; the first mistake found is raised when all have ended."""
        waiting = {
            name: pool.submit(self._one, name, path, known.get(name), stop)
            for name, path in entries.items()
        }
        return {name: future.result() for name, future in waiting.items()}

    def current(self, name: str, entry: Entry) -> bool:
        """Tell whether everything read for an entry is as it was."""
        return (
            entry.key == self._key(name)
            and all(self._digests.of(self._full(p)) == mark for p, mark in entry.reads.items())
            and entry.around == self._around(map(self._full, entry.reads))
        )

    def _one(self, name: str, path: Path, known: Entry | None, stop: threading.Event) -> Done:
        if known is not None and self.current(name, known):
            items = self._stored(name, known)
            if items is not None:
                return Done(known, items, fresh=False)
        begun = time.time()
        return self._keep(name, self._tool(name).compile(self._work(name, path), stop), begun)

    def _keep(self, name: str, compiled: Compiled, begun: float) -> Done:
        reads: dict[str, str] = {}
        for path in sorted({self._layout.root / name, *compiled.read}):
            # Saved while the compiler ran: nobody knows which content it saw. An empty digest
            # equals none, so that the next build compiles again.
            known = not _touched_since(path, begun)
            reads[self._label(path)] = (self._digests.of(path) or "") if known else ""
        products: list[Made] = []
        for product in compiled.products:
            body = digest(product.body)
            self._output.write(blob(body), product.body)
            mark = None
            if product.map is not None:
                mark = digest(product.map)
                self._output.write(blob(mark), product.map)
            products.append(Made(product.name, body, mark, product.final))
        around = self._around(map(self._full, reads))
        entry = Entry(self._key(name), reads, around, products, list(compiled.warnings))
        items = self._stored(name, entry)
        if items is None:
            raise AssetsError(f"what {name} was compiled to vanished from {self._output.private}")
        return Done(entry, items, fresh=True)

    def _stored(self, name: str, entry: Entry) -> list[Item] | None:
        """Return the kept products, or None when one is missing or damaged."""
        items: list[Item] = []
        for made in entry.products:
            body = self._output.read(blob(made.body))
            source_map = self._output.read(blob(made.map)) if made.map else None
            if body is None or digest(body) != made.body:
                return None
            if made.map and (source_map is None or digest(source_map) != made.map):
                return None
            publish = self._options.source_maps and source_map is not None
            load = partial(bytes, body)
            items.append(Item(made.name, made.body, load, name, source_map, publish, made.final))
        return items

    def _work(self, name: str, path: Path) -> Work:
        options = self._options
        return Work(
            source=path,
            name=str(PurePosixPath(name).with_suffix(self._tool(name).makes[path.suffix])),
            root=self._layout.root,
            prefix=options.prefix,
            minify=options.minify,
            source_maps=options.source_maps,
            aliases=options.aliases,
            load_paths=options.load_paths,
            timeout=options.timeout,
        )

    def _tool(self, name: str) -> Tool:
        suffix = PurePosixPath(name).suffix
        tool = self._tools.for_suffix(suffix, entry=True)
        if tool is None:
            raise AssetsError(f"nothing here compiles {suffix or 'a file without suffix'}: {name}")
        return tool

    def _key(self, name: str) -> str:
        tool, options = self._tool(name), self._options
        maps = (options.minify, options.source_maps, options.prefix)
        paths = [*map(str, options.load_paths)]
        content = [tool.name, tool.version(), maps, sorted(options.aliases.items()), paths]
        return digest(repr(content).encode())[:40]

    def _around(self, files: Iterable[str]) -> str:
        """Digest what could change how names resolve: neighbours, and configuration above.

        `./foo` may mean `foo.tsx` once such a file appears, so the names of all neighbours of
        the files that were read count as input, and so do those in the load paths.
        """
        folders = {Path(path).parent for path in files}
        told: list[str] = []
        for folder in sorted({*folders, *self._options.load_paths}):
            names = [n for n in _names(folder) if n[0] != "." and n not in self._ignored]
            told.append("/".join([self._label(folder), *names]))
        for folder in sorted(folders.union(*(folder.parents for folder in folders))):
            for name in sorted(CONFIGURATION):
                mark = self._digests.of(os.path.join(folder, name))
                if mark:
                    told.append(f"{os.path.relpath(folder, self._layout.root)}/{name} {mark}")
        return digest("\n".join(told).encode())[:40]

    def _label(self, path: Path) -> str:
        inside = path.is_relative_to(self._layout.root)
        return path.relative_to(self._layout.root).as_posix() if inside else str(path)

    def _full(self, label: str) -> str:
        return os.path.join(str(self._layout.root), label)


def _touched_since(path: Path, moment: float) -> bool:
    try:
        return os.stat(path).st_mtime > moment
    except OSError:
        return True


def _names(folder: Path) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []
