"""What lies in the source folder: entries to compile, and files to copy."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ._errors import AssetsError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence, Set

    from ._options import Layout

# They steer compilers and package managers, and are no assets.
CONFIGURATION = {
    "bunfig.toml",
    "tsconfig.json",
    "jsconfig.json",
    "package.json",
    "package-lock.json",
}
SKIPPED_FOLDERS = {"node_modules", "__pycache__"}


@dataclass(frozen=True, slots=True)
class Sources:
    """The files of one moment, by the name they are published under."""

    entries: dict[str, Path]
    copied: dict[str, Path]


def find_sources(layout: Layout, compiled: Set[str]) -> Sources:
    """Walk the folders; files with a suffix in *compiled* are entries or parts of entries.

    Raises AssetsError for a missing folder or entry, and for a name that comes from two places.
    """
    if not layout.root.is_dir():
        raise AssetsError(f"the source folder {layout.root} does not exist")
    if layout.output == layout.root or layout.root.is_relative_to(layout.output):
        raise AssetsError(
            f"the output folder {layout.output} holds the source folder; give it a place of its own"
        )
    files = dict(walk(layout.root, layout.output))
    entries = {name: files[name] for name in _entry_names(layout, files, compiled)}
    copied = {
        name: path
        for name, path in files.items()
        if name not in entries and _copied(path, compiled)
    }
    for extra in layout.static:
        more = dict(walk(extra, layout.output)) if extra.is_dir() else {extra.name: extra}
        if not extra.exists():
            raise AssetsError(f"the static path {extra} does not exist")
        for name, path in more.items():
            if name in copied or name in entries:
                raise AssetsError(f"{name} comes from two places: {path} and {layout.root}")
            copied[name] = path
    return Sources(entries, copied)


def walk(folder: Path, output: Path) -> Iterator[tuple[str, Path]]:
    """Yield each file's name relative to *folder* and its path, in a fixed order."""
    seen: set[str] = set()  # links to folders are followed, circles of them once
    for parent, folders, files in os.walk(folder, followlinks=True):
        here = Path(parent)
        if (real := os.path.realpath(parent)) in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(
            name
            for name in folders
            if name[0] != "." and name not in SKIPPED_FOLDERS and here / name != output
        )
        for name in sorted(files):
            if name[0] != ".":
                path = here / name
                yield path.relative_to(folder).as_posix(), path


def _entry_names(layout: Layout, files: dict[str, Path], compiled: Set[str]) -> Sequence[str]:
    if layout.entries is None:
        return [
            name
            for name, path in files.items()
            if "/" not in name and name[0] != "_" and path.suffix in compiled
            if not name.endswith(".d.ts")
        ]
    for name in layout.entries:
        if name not in files:
            raise AssetsError(f"the entry {name} is not in {layout.root}")
    return layout.entries


def _copied(path: Path, compiled: Set[str]) -> bool:
    return path.suffix not in compiled and path.name not in CONFIGURATION
