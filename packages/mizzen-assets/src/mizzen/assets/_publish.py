"""Write what is not there yet, replace the manifest, remove what nobody serves any more."""

from __future__ import annotations

import json
import os
import posixpath
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from ._compress import SUFFIXES, variants
from ._digests import digest, from_integrity, integrity
from ._errors import BuildStopped, ManifestError
from ._manifest import NAME, Asset, Manifest, inside
from ._state import blob

if TYPE_CHECKING:
    import threading
    from collections.abc import Mapping
    from concurrent.futures import Executor

    from ._digests import Digests
    from ._link import Linked
    from ._output import Output

PENDING = ".mizzen/pending.json"


@dataclass(frozen=True, slots=True)
class Published:
    """All assets of a release, the digests of their compressed forms, and how many are new."""

    assets: dict[str, Asset]
    variants: dict[str, str]
    written: int


class Publisher:
    """The output folder as a place of releases."""

    def __init__(self, output: Output, digests: Digests) -> None:
        self._output, self._digests = output, digests

    def previous(self) -> Manifest | None:
        """Return the manifest in place, or None if there is none or it is damaged."""
        body = self._output.read(NAME)
        try:
            return Manifest.from_json(body) if body is not None else None
        except ManifestError:
            return None

    def intact(self, manifest: Manifest, marks: Mapping[str, str]) -> bool:
        """Tell whether every file of a release holds the bytes it should."""
        return all(self._holds(asset, marks) for asset in manifest.values())

    def publish(
        self,
        linked: Mapping[str, Linked],
        previous: Manifest | None,
        marks: Mapping[str, str] | None,
        pool: Executor,
        stop: threading.Event,
    ) -> Published:
        """Write the files that are new; *marks* are the digests of compressed files to trust."""
        there: dict[str, Asset] = {}
        if previous is not None and marks is not None:
            known = previous.files()
            for name, file in linked.items():
                asset = known.get(file.file)
                if (
                    asset
                    and asset.integrity == integrity(file.digest)
                    and self._holds(asset, marks)
                ):
                    there[name] = asset
        fresh = [file for name, file in linked.items() if name not in there]
        self._announce(fresh, previous)
        written = list(pool.map(partial(self._write, stop), fresh))
        packed = {f: mark for _, made in written for f, mark in made.items()}
        if marks is not None:
            packed |= {f: marks[f] for asset in there.values() for f in _packed(asset)}
        assets = there | {f.name: a for f, (a, _) in zip(fresh, written, strict=True)}
        return Published(assets, packed, len(fresh))

    def commit(self, manifest: Manifest) -> str:
        """Put the manifest in place, at once and as a whole; return its digest."""
        body = manifest.to_json()
        if self._output.read(NAME) != body:
            self._output.write(NAME, body, durable=True)
        return digest(body)

    def prune(self, manifest: Manifest, blobs: set[str]) -> None:
        """Remove our own files that no kept release has, and products no entry needs."""
        gone = [
            f + end
            for f in set(self._pending()) - manifest.files().keys()
            for end in ("", *SUFFIXES.values())
        ]
        stored = self._output.private / "store"
        if stored.is_dir():
            wanted = {blob(mark) for mark in blobs}
            gone += [n for p in stored.iterdir() if (n := f".mizzen/store/{p.name}") not in wanted]
        self._output.remove([*gone, PENDING])

    def _write(self, stop: threading.Event, file: Linked) -> tuple[Asset, dict[str, str]]:
        if stop.is_set():
            raise BuildStopped(f"the build was stopped before {file.name} was written")
        body = file.load()
        packed = variants(posixpath.splitext(file.name)[1], body)
        self._output.write(file.file, body)
        for coding, content in packed.items():
            self._output.write(file.file + SUFFIXES[coding], content)
        sizes = {coding: len(content) for coding, content in sorted(packed.items())}
        marks = {file.file + SUFFIXES[c]: digest(content) for c, content in packed.items()}
        return Asset(file.file, len(body), integrity(file.digest), sizes), marks

    def _holds(self, asset: Asset, marks: Mapping[str, str]) -> bool:
        path = os.path.join(str(self._output.folder), asset.file)
        return self._digests.of(path) == from_integrity(asset.integrity) and all(
            marks.get(packed) is not None
            and self._digests.of(os.path.join(str(self._output.folder), packed)) == marks[packed]
            for packed in _packed(asset)
        )

    def _announce(self, fresh: list[Linked], previous: Manifest | None) -> None:
        """Note every file of ours, old and about to be written: whatever moment this build is
        killed at, the next one knows what to remove."""
        ours = {file.file for file in fresh} | set(self._pending())
        ours |= set(previous.files() if previous else ())
        self._output.write(PENDING, json.dumps(sorted(ours)).encode())

    def _pending(self) -> list[str]:
        try:
            names: list[str] = json.loads(self._output.read(PENDING) or b"[]")
        except ValueError:
            return []
        return [name for name in names if inside(name)]


def _packed(asset: Asset) -> list[str]:
    return [asset.file + SUFFIXES[coding] for coding in asset.encodings]
