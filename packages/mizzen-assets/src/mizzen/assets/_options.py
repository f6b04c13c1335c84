"""What a build is asked for, and what it reports."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from ._manifest import Manifest


@dataclass(frozen=True, slots=True)
class Layout:
    """Where sources are and which of them matter; all paths are absolute."""

    root: Path
    output: Path
    entries: tuple[str, ...] | None
    static: tuple[Path, ...]


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
