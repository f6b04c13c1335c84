"""The protocol a compiler meets, and what goes in and out of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import threading
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["Compiled", "Product", "Tool", "Work"]


@dataclass(frozen=True, slots=True)
class Work:
    """One entry point to compile, with the options that matter to a compiler."""

    source: Path
    """The entry file, absolute."""
    name: str
    """What the result is called, such as `css/app.css`."""
    root: Path
    """The source folder, absolute."""
    prefix: str = "/assets/"
    minify: bool = True
    source_maps: bool = False
    aliases: Mapping[str, str] = field(default_factory=dict[str, str])
    load_paths: tuple[Path, ...] = ()
    timeout: float = 60.0
    """Seconds after which the compiler counts as hung."""


@dataclass(frozen=True, slots=True)
class Product:
    """One file that a compiler made."""

    name: str
    body: bytes
    map: bytes | None = None
    """A source map (version 3), whose sources are relative to the source folder."""
    final: bool = False
    """True: the name already carries a hash and other products refer to it, so it stays."""


@dataclass(frozen=True, slots=True)
class Compiled:
    """What came out, and every file that was read for it."""

    products: tuple[Product, ...]
    read: tuple[Path, ...]
    warnings: tuple[str, ...] = ()


class Tool(Protocol):
    """A compiler. Blocking: the builder calls it in worker threads, several at once.

    Other packages add one under the entry point group `mizzen.assets.tools`: the name is
    free, the value a callable without arguments that returns a tool.
    """

    @property
    def name(self) -> str:
        """What messages call it."""
        ...

    @property
    def makes(self) -> Mapping[str, str]:
        """Source suffix to result suffix, such as `{".scss": ".css"}`."""
        ...

    def version(self) -> str:
        """Return what, beside the input, decides the output; "missing" if not installed."""
        ...

    def compile(self, work: Work, stop: threading.Event) -> Compiled:
        """Compile one entry, giving up soon after *stop* is set.

        Raises SourceError, ToolMissing, ToolFailed or BuildStopped.
        """
        ...

    def close(self) -> None:
        """End what still runs; the tool may be used again afterwards."""
        ...
