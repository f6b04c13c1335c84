"""A build, from sources to manifest. Blocking: the component runs it in a worker thread."""

from __future__ import annotations

import json
import os
import posixpath
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from . import _manifest, _state
from ._compress import SUFFIXES, codecs, variants
from ._digests import Digests, digest, from_integrity, integrity
from ._entries import Compiler
from ._errors import ManifestError, SourceError
from ._link import Item, Linked, link
from ._manifest import Asset, Manifest
from ._output import Output
from ._sources import Layout, Sources, find_sources

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from ._tools import Toolbox

PENDING = ".mizzen/pending.json"


@dataclass(frozen=True, slots=True)
class Options:
    """What shapes the output, beside the sources."""

    prefix: str
    minify: bool
    source_maps: bool
    aliases: Mapping[str, str]
    load_paths: tuple[Path, ...]
    keep: int
    timeout: float


@dataclass(frozen=True, slots=True)
class Report:
    """What a build did."""

    manifest: Manifest
    watched: frozenset[str]
    """Files outside the source folder that were read."""
    compiled: int = 0
    reused: int = 0
    written: int = 0
    warnings: tuple[str, ...] = ()


class Builder:
    """Builds one source folder into one output folder, remembering digests in between."""

    def __init__(self, layout: Layout, options: Options, tools: Toolbox) -> None:
        self.layout, self.options = layout, options
        self.output = Output(layout.output)
        self._digests = Digests()
        self._compiler = Compiler(layout, options, tools, self.output, self._digests)

    def build(self, stop: threading.Event) -> Report:
        """Build what changed since the last build; the manifest is replaced last."""
        sources = find_sources(self.layout)
        report = self._unchanged(sources)
        if report is None:
            with self.output.alone(self.options.timeout, stop):
                # Another builder may have done the work meanwhile.
                report = self._unchanged(sources) or self._rebuild(sources, stop)
        return report

    def _unchanged(self, sources: Sources) -> Report | None:
        """Report at once if sources, options and output are those of the last build."""
        state = _state.load(self.output)
        body = self.output.read(_manifest.NAME)
        if state is None or body is None or digest(body) != state.manifest:
            return None
        copied = {name: self._digests.of(path) for name, path in sources.copied.items()}
        if (
            state.options != self._fingerprint()
            or state.copied != copied
            or state.entries.keys() != sources.entries.keys()
            or not all(
                self._compiler.current(name, path, state.entries[name])
                for name, path in sources.entries.items()
            )
        ):
            return None
        manifest = Manifest.from_json(body)
        if not all(self._intact(asset, state.variants) for asset in manifest.values()):
            return None
        return self._report(manifest, state, 0, 0)

    def _rebuild(self, sources: Sources, stop: threading.Event) -> Report:
        before = _state.load(self.output)
        previous = self._previous()
        state = _state.State(self._fingerprint())
        with ThreadPoolExecutor(os.cpu_count() or 1, "mizzen-assets") as pool:
            known = before.entries if before else {}
            compiled = self._compiler.compile_all(sources.entries, known, pool, stop)
            state.entries = {name: done.entry for name, done in compiled.items()}
            copied = [self._copy(name, path) for name, path in sources.copied.items()]
            state.copied = {item.name: item.digest for item in copied}
            items = _by_name([*(i for done in compiled.values() for i in done.items), *copied])
            linked = link(items, self.options.prefix)
            manifest, written = self._publish(linked, before, previous, state, pool)
        manifest = manifest.following(previous, self.options.keep)
        body = manifest.to_json()
        if self.output.read(_manifest.NAME) != body:
            self.output.write(_manifest.NAME, body, durable=True)
        state.manifest = digest(body)
        state.save(self.output)
        self._prune(manifest, previous, state)
        fresh = sum(done.fresh for done in compiled.values())
        return self._report(manifest, state, fresh, written)

    def _copy(self, name: str, path: Path) -> Item:
        mark = self._digests.of(path)
        if mark is None:
            raise SourceError("cannot be read; correct its permissions", str(path))

        def load() -> bytes:
            body = path.read_bytes()
            if digest(body) != mark:
                raise SourceError("changed while it was being built; build again", name)
            return body

        return Item(name, mark, load, name)

    def _publish(
        self,
        linked: Mapping[str, Linked],
        before: _state.State | None,
        previous: Manifest | None,
        state: _state.State,
        pool: ThreadPoolExecutor,
    ) -> tuple[Manifest, int]:
        known = previous.files() if previous else {}
        marks = before.variants if before and before.options == state.options else {}
        reused = {
            name: asset
            for name, file in linked.items()
            if (asset := known.get(file.file)) is not None
            and asset.integrity == integrity(file.digest)
            and all(file.file + SUFFIXES[c] in marks for c in asset.encodings)
            and before is not None
            and before.options == state.options
            and self._intact(asset, marks)
        }
        fresh = [file for name, file in linked.items() if name not in reused]
        self._announce(fresh)
        made = dict(zip((f.name for f in fresh), pool.map(self._write, fresh), strict=True))
        for asset in reused.values():
            for coding in asset.encodings:
                packed = asset.file + SUFFIXES[coding]
                state.variants[packed] = marks[packed]
        for _, packed in made.values():
            state.variants.update(packed)
        assets = reused | {name: asset for name, (asset, _) in made.items()}
        return Manifest(assets), len(made)

    def _write(self, file: Linked) -> tuple[Asset, dict[str, str]]:
        body = file.load()
        packed = variants(posixpath.splitext(file.name)[1], body)
        self.output.write(file.file, body)
        for coding, content in packed.items():
            self.output.write(file.file + SUFFIXES[coding], content)
        sizes = {coding: len(content) for coding, content in packed.items()}
        marks = {
            file.file + SUFFIXES[coding]: digest(content) for coding, content in packed.items()
        }
        return Asset(file.file, len(body), integrity(file.digest), sizes), marks

    def _announce(self, fresh: list[Linked]) -> None:
        """Note the names about to be written, so that a killed build leaves no orphans."""
        if fresh:
            names = sorted({file.file for file in fresh} | set(self._pending()))
            self.output.write(PENDING, json.dumps(names).encode())

    def _pending(self) -> list[str]:
        try:
            return [str(name) for name in json.loads(self.output.read(PENDING) or b"[]")]
        except ValueError:
            return []

    def _prune(self, manifest: Manifest, previous: Manifest | None, state: _state.State) -> None:
        served = manifest.files()
        ours = {*(previous.files() if previous else ()), *self._pending()}
        gone = [file + end for file in ours - served.keys() for end in ("", *SUFFIXES.values())]
        blobs = {_state.blob(mark) for mark in state.blobs()}
        stored = self.output.private / "store"
        kept = stored.iterdir() if stored.is_dir() else ()
        gone += [n for path in kept if (n := f".mizzen/store/{path.name}") not in blobs]
        self.output.remove([*gone, PENDING])

    def _previous(self) -> Manifest | None:
        body = self.output.read(_manifest.NAME)
        try:
            return Manifest.from_json(body) if body is not None else None
        except ManifestError:
            return None

    def _intact(self, asset: Asset, marks: Mapping[str, str]) -> bool:
        folder = str(self.layout.output) + os.sep + asset.file
        return self._digests.of(folder) == from_integrity(asset.integrity) and all(
            self._digests.of(folder + SUFFIXES[c]) == marks.get(asset.file + SUFFIXES[c])
            for c in asset.encodings
        )

    def _fingerprint(self) -> str:
        options = self.options
        chosen = [options.prefix, options.minify, options.source_maps, options.keep]
        codings = {coding: version for coding, (version, _) in codecs().items()}
        content = [
            chosen,
            sorted(options.aliases.items()),
            [*map(str, options.load_paths)],
            codings,
        ]
        return digest(json.dumps(content, sort_keys=True).encode())[:40]

    def _report(
        self, manifest: Manifest, state: _state.State, compiled: int, written: int
    ) -> Report:
        entries = state.entries.values()
        reads = {path for entry in entries for path in entry.reads if os.path.isabs(path)}
        return Report(
            manifest,
            frozenset(reads),
            compiled,
            len(entries) - compiled,
            written,
            tuple(warning for entry in entries for warning in entry.warnings),
        )


def _by_name(items: Iterable[Item]) -> dict[str, Item]:
    named: dict[str, Item] = {}
    for item in items:
        other = named.setdefault(item.name, item)
        if other is not item and not (item.final and item.digest == other.digest):
            raise SourceError(
                f"would be published as {item.name}, as {other.source} is", item.source
            )
    return named
