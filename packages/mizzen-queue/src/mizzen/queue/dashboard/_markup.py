"""HTML that is escaped by construction: what isn't Markup is text."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_VOID = {"input", "link", "meta"}

Content = object  # Markup, text, a number, None for nothing, or a list of such


class Markup(str):
    """Finished HTML; only `el` and this module's callers with constants make it."""

    __slots__ = ()


def h(value: object) -> Markup:
    """Escape *value* for text and for quoted attributes; Markup stays as it is."""
    return value if isinstance(value, Markup) else Markup(html.escape(str(value), quote=True))


def el(tag: str, *content: Content, **attributes: object) -> Markup:
    """Return an element; `class_` is class, `data_live` is data-live, None is left out."""
    written = "".join(
        f" {name.strip('_').replace('_', '-')}" + ("" if value is True else f'="{h(value)}"')
        for name, value in attributes.items()
        if value is not None and value is not False
    )
    if tag in _VOID:
        return Markup(f"<{tag}{written}>")
    return Markup(f"<{tag}{written}>{join(content)}</{tag}>")


def join(content: Iterable[Content]) -> Markup:
    """Return pieces one after the other, each escaped unless it is Markup."""
    return Markup("".join(_pieces(content)))


def _pieces(content: Iterable[Content]) -> Iterable[str]:
    for piece in content:
        if piece is None:
            continue
        if isinstance(piece, (list, tuple)):
            yield join(piece)  # pyright: ignore[reportUnknownArgumentType]
        else:
            yield h(piece)
