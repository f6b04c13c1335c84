"""The manifest: which file on disk carries which asset, and what it weighs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ._compress import SUFFIXES
from ._errors import ManifestError, UnknownAsset

NAME = "manifest.json"
FORMAT = 1


@dataclass(frozen=True, slots=True)
class Asset:
    """One published file."""

    file: str
    """The name in the output folder and under the prefix, with its fingerprint."""
    size: int
    integrity: str
    encodings: Mapping[str, int] = field(default_factory=dict[str, int])
    """The size of each compressed variant, by content coding: br, zstd, gzip."""


class Manifest(Mapping[str, Asset]):
    """Assets by the name they have in the source, such as `app.css`."""

    def __init__(
        self, assets: Mapping[str, Asset], kept: tuple[Mapping[str, Asset], ...] = ()
    ) -> None:
        self._assets = dict(sorted(assets.items()))
        self.kept = kept
        """Files of earlier releases by file name, the most recently replaced first."""

    def __getitem__(self, name: str) -> Asset:
        try:
            return self._assets[name]
        except KeyError:
            raise UnknownAsset(_unknown(name, self._assets)) from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._assets)

    def __len__(self) -> int:
        return len(self._assets)

    def __contains__(self, name: object) -> bool:
        return name in self._assets

    def __repr__(self) -> str:
        return f"<mizzen.assets.Manifest: {len(self)} assets>"

    def files(self) -> dict[str, Asset]:
        """Return everything to serve by file name: this release and those kept before it."""
        found = {asset.file: asset for asset in self.values()}
        for release in self.kept:
            for file, asset in release.items():
                found.setdefault(file, asset)
        return found

    def following(self, previous: Manifest | None, keep: int) -> Manifest:
        """Return this manifest with the files that *previous* had and this one lacks.

        A file stays for *keep* releases after the one that last used it. A rebuild that
        changes nothing is no release.
        """
        if previous is None:
            return self
        if previous._assets == self._assets:
            return Manifest(self._assets, previous.kept[:keep])
        mine = {asset.file for asset in self.values()}
        gone = {a.file: a for a in previous.values() if a.file not in mine}
        older = [{f: a for f, a in r.items() if f not in mine} for r in previous.kept]
        return Manifest(self._assets, tuple([gone, *older][:keep]))

    def to_json(self) -> bytes:
        """Return the bytes of `manifest.json`; equal manifests give equal bytes."""
        content = {
            "format": FORMAT,
            "assets": {name: _plain(asset) for name, asset in self._assets.items()},
            "kept": [
                {file: _plain(asset) for file, asset in sorted(release.items())}
                for release in self.kept
            ],
        }
        return json.dumps(content, indent=1, ensure_ascii=False).encode() + b"\n"

    @classmethod
    def from_json(cls, body: bytes) -> Manifest:
        """Read `manifest.json`; raises ManifestError when it is damaged or of another format."""
        try:
            content: dict[str, Any] = json.loads(body)
            if content["format"] != FORMAT:
                raise ManifestError(f"the manifest has format {content['format']}; build again")
            assets = {name: _asset(fields) for name, fields in content["assets"].items()}
            kept = [{f: _asset(fields) for f, fields in r.items()} for r in content["kept"]]
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise ManifestError("the manifest is damaged; build again") from error
        return cls(assets, tuple(kept))


def _plain(asset: Asset) -> dict[str, Any]:
    return {
        "file": asset.file,
        "size": asset.size,
        "integrity": asset.integrity,
        "encodings": dict(asset.encodings),
    }


def _asset(fields: dict[str, Any]) -> Asset:
    encodings = {str(coding): int(size) for coding, size in fields["encodings"].items()}
    if not encodings.keys() <= SUFFIXES.keys() or not inside(fields["file"]):
        raise ValueError(fields["file"])
    return Asset(str(fields["file"]), int(fields["size"]), str(fields["integrity"]), encodings)


def inside(file: str) -> bool:
    """Tell whether a name stays in the output folder: a damaged manifest leads nowhere else."""
    return all(part not in ("", ".", "..") for part in file.split("/")) and not (
        set(file) & {"\0", "\\", ":"}
    )


def _unknown(name: str, assets: Mapping[str, Asset]) -> str:
    import difflib

    near = difflib.get_close_matches(name, assets, n=1)
    hint = f"did you mean {near[0]!r}?" if near else "build again if it is new"
    return f"no asset is called {name!r}; {hint}"
