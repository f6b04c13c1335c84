"""What the last build read and made: the memory that lets the next one do nothing.

It lies beside the output as `.mizzen/state.json` with a digest of itself, so that a file cut
short or altered counts as no memory at all. It holds no times and no path inside the source
folder in absolute form: two builds of equal sources remember equal bytes.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from ._digests import digest

if TYPE_CHECKING:
    from ._output import Output

NAME = ".mizzen/state.json"
# Part of what decides the output: a new way of building rebuilds everything once.
FORMAT = 1


@dataclass(slots=True)
class Made:
    """One product of a compiled entry, its bytes kept under their digest."""

    name: str
    body: str
    map: str | None
    final: bool


@dataclass(slots=True)
class Entry:
    """One compiled entry: what decides its output, and the output."""

    key: str
    reads: dict[str, str]
    around: str
    products: list[Made]
    warnings: list[str]


@dataclass(slots=True)
class State:
    """The memory of one build."""

    options: str
    entries: dict[str, Entry] = field(default_factory=dict[str, Entry])
    copied: dict[str, str] = field(default_factory=dict[str, str])
    variants: dict[str, str] = field(default_factory=dict[str, str])
    """Digests of the compressed files, by file name."""
    manifest: str = ""

    def blobs(self) -> set[str]:
        """Return the digests of the kept compiler products."""
        made = [product for entry in self.entries.values() for product in entry.products]
        return {b for product in made for b in (product.body, product.map) if b}

    def save(self, output: Output) -> None:
        """Write it, whole."""
        body = json.dumps(asdict(self), sort_keys=True)
        output.write(NAME, f"{digest(body.encode())}\n{body}\n".encode())


def load(output: Output) -> State | None:
    """Return the last build's memory, or None when there is none that can be trusted."""
    mark, _, body = (output.read(NAME) or b"").partition(b"\n")
    body = body.rstrip(b"\n")
    if not mark or mark.decode(errors="replace") != digest(body):
        return None
    try:
        fields: dict[str, Any] = json.loads(body)
        for entry in fields["entries"].values():
            entry["products"] = [Made(**product) for product in entry["products"]]
        fields["entries"] = {name: Entry(**entry) for name, entry in fields["entries"].items()}
        return State(**fields)
    except (ValueError, TypeError, KeyError):  # written by another version
        return None


def blob(mark: str) -> str:
    """Return the file name of a kept product."""
    return f".mizzen/store/{mark[:40]}"
