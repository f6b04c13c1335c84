"""A build, from sources to manifest. Blocking: the component runs it in a worker thread."""

from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from . import _state
from ._compress import codecs
from ._digests import Digests, digest
from ._entries import Compiler
from ._errors import AssetsError, SourceError
from ._link import Item, link
from ._manifest import NAME, Manifest
from ._options import Report
from ._output import Output
from ._publish import Publisher
from ._sources import Sources, find_sources

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterable
    from pathlib import Path

    from ._options import Layout, Options
    from ._tools import Toolbox


class Builder:
    """Builds one source folder into one output folder, remembering digests in between."""

    def __init__(self, layout: Layout, options: Options, tools: Toolbox) -> None:
        self._layout, self._options, self._tools = layout, options, tools
        self._output = Output(layout.output)
        self._digests = Digests()
        self._compiler = Compiler(layout, options, tools, self._output, self._digests)
        self._publisher = Publisher(self._output, self._digests)

    def build(self, stop: threading.Event) -> Report:
        """Build what changed since the last build; the manifest is replaced last."""
        for name, path in self._options.aliases.items():
            if not os.path.isfile(path):
                raise AssetsError(f"the alias {name} leads to {path}, which is no file")
        sources = find_sources(self._layout, self._tools.suffixes())
        report = self._unchanged(sources)
        if report is None:
            with self._output.alone(self._options.timeout, stop):
                # Another builder may have done the work meanwhile.
                report = self._unchanged(sources) or self._rebuild(sources, stop)
        return report

    def _unchanged(self, sources: Sources) -> Report | None:
        """Report at once if sources, options and output are those of the last build."""
        state = _state.load(self._output)
        body = self._output.read(NAME)
        if state is None or body is None or digest(body) != state.manifest:
            return None
        if state.options != self._fingerprint() or state.entries.keys() != sources.entries.keys():
            return None
        if state.copied != {name: self._digests.of(path) for name, path in sources.copied.items()}:
            return None
        if not all(self._compiler.current(name, entry) for name, entry in state.entries.items()):
            return None
        manifest = self._publisher.previous()
        if manifest is None or not self._publisher.intact(manifest, state.variants):
            return None
        return _report(manifest, state, compiled=0, written=0)

    def _rebuild(self, sources: Sources, stop: threading.Event) -> Report:
        before = _state.load(self._output)
        previous = self._publisher.previous()
        state = _state.State(self._fingerprint())
        with ThreadPoolExecutor(os.cpu_count() or 1, "mizzen-assets") as pool:
            known = before.entries if before else {}
            compiled = self._compiler.compile_all(sources.entries, known, pool, stop)
            state.entries = {name: done.entry for name, done in compiled.items()}
            copied = [self._copy(name, path) for name, path in sources.copied.items()]
            state.copied = {item.name: item.digest for item in copied}
            items = _by_name([*(i for done in compiled.values() for i in done.items), *copied])
            linked = link(items, self._options.prefix)
            marks = before.variants if before and before.options == state.options else None
            assets = self._publisher.publish(linked, previous, marks, pool, stop)
        manifest = Manifest(assets.assets).following(previous, self._options.keep)
        state.variants = assets.variants
        state.manifest = self._publisher.commit(manifest)
        # Remembered last: a build killed while it tidies up is done again, and tidies up.
        self._publisher.prune(manifest, state.blobs())
        state.save(self._output)
        fresh = sum(done.fresh for done in compiled.values())
        return _report(manifest, state, compiled=fresh, written=assets.written)

    def _copy(self, name: str, path: Path) -> Item:
        mark = self._digests.of(path)
        if mark is None:
            raise SourceError("cannot be read; correct its permissions", name)

        def load() -> bytes:
            body = path.read_bytes()
            if digest(body) != mark:
                raise SourceError("changed while it was being built; build again", name)
            return body

        return Item(name, mark, load, name)

    def _fingerprint(self) -> str:
        options = self._options
        chosen = [options.prefix, options.minify, options.source_maps, options.keep]
        codings = {coding: version for coding, (version, _) in codecs().items()}
        return digest(json.dumps([_state.FORMAT, chosen, codings], sort_keys=True).encode())[:40]


def _by_name(items: Iterable[Item]) -> dict[str, Item]:
    named: dict[str, Item] = {}
    for item in items:
        other = named.setdefault(item.name, item)
        if other is not item and not (item.final and item.digest == other.digest):
            raise SourceError(
                f"would be published as {item.name}, as {other.source} is; rename one", item.source
            )
    return named


def _report(manifest: Manifest, state: _state.State, compiled: int, written: int) -> Report:
    entries = state.entries.values()
    return Report(
        manifest,
        frozenset(path for entry in entries for path in entry.reads if os.path.isabs(path)),
        compiled,
        len(entries) - compiled,
        written,
        tuple(warning for entry in entries for warning in entry.warnings),
    )
