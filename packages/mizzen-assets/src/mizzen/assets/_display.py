"""How assets show themselves: one line of text, and a small escaped table."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ._manifest import Manifest

SHOWN = 20


def bytes_in_words(size: float) -> str:
    """Return 12345 as "12.1 kB"."""
    for unit in ("B", "kB", "MB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} GB"


def line(name: str, manifest: Manifest | None, failure: Exception | None) -> str:
    """Return the repr of a component."""
    if manifest is None:
        state = "not started"
    else:
        total = sum(asset.size for asset in manifest.values())
        state = f"{len(manifest)} assets, {bytes_in_words(total)}"
    if failure is not None:
        state += "; the last build failed"
    return f"<mizzen.assets.Assets {name}: {state}>"


def table(title: str, manifest: Manifest | None, failure: Exception | None) -> str:
    """Return the same facts as HTML, with the largest assets."""
    rows: list[tuple[str, str, str, str]] = []
    assets = [*manifest.items()] if manifest else []
    for name, asset in sorted(assets, key=lambda item: -item[1].size)[:SHOWN]:
        small = min(asset.encodings.values(), default=asset.size)
        rows.append((name, asset.file, bytes_in_words(asset.size), bytes_in_words(small)))
    head = _row("th", ("asset", "file", "size", "sent"))
    more = len(assets) - len(rows)
    rest = f"<p>and {more} more</p>" if more > 0 else ""
    wrong = f"<pre>{escape(str(failure))}</pre>" if failure is not None else ""
    body = "".join(_row("td", row) for row in rows)
    return f"<div><b>{escape(title)}</b>{wrong}<table>{head}{body}</table>{rest}</div>"


def _row(cell: str, texts: Iterable[str]) -> str:
    return "<tr>" + "".join(f"<{cell}>{escape(text)}</{cell}>" for text in texts) + "</tr>"
