"""SCSS and TypeScript to fingerprinted, compressed files, without Node."""

from ._component import Assets
from ._errors import (
    AssetsError,
    BrokenReference,
    BuildBusy,
    BuildStopped,
    ManifestError,
    NotStarted,
    OutputError,
    SourceError,
    ToolFailed,
    ToolMissing,
    UnknownAsset,
)
from ._manifest import Asset, Manifest
from ._tags import HTML

__all__ = [
    "HTML",
    "Asset",
    "Assets",
    "AssetsError",
    "BrokenReference",
    "BuildBusy",
    "BuildStopped",
    "Manifest",
    "ManifestError",
    "NotStarted",
    "OutputError",
    "SourceError",
    "ToolFailed",
    "ToolMissing",
    "UnknownAsset",
]

for _name in __all__:
    globals()[_name].__module__ = __name__
