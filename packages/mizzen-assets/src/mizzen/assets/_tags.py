"""HTML for templates: escaped, and marked as safe so that template engines leave it alone."""

from __future__ import annotations

import posixpath
from html import escape
from typing import TYPE_CHECKING

from ._errors import AssetsError
from ._media import media_type

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ._manifest import Asset

Attribute = str | int | bool | None


class HTML(str):
    """A string that is HTML already; Jinja2, Django and markupsafe know it by `__html__`."""

    __slots__ = ()

    def __html__(self) -> str:
        """Return itself: nothing is left to escape."""
        return str(self)


def tag(asset: Asset, url: str, attributes: Mapping[str, Attribute]) -> HTML:
    """Return the element that loads an asset, with its integrity where browsers check it."""
    kind = _kind(asset.file)
    if kind == "style":
        return _element(
            "link", {"rel": "stylesheet", "href": url, **_checked(asset, url), **attributes}
        )
    if kind == "script":
        own: dict[str, Attribute] = {"type": "module", "src": url, **_checked(asset, url)}
        return HTML(_element("script", {**own, **attributes}) + "</script>")
    if kind == "image":
        return _element("img", {"src": url, "alt": "", **attributes})
    raise AssetsError(f"no tag loads {asset.file}; use url() or preload()")


def preload(asset: Asset, url: str, attributes: Mapping[str, Attribute]) -> HTML:
    """Return the link that fetches an asset before the page asks for it."""
    kind = _kind(asset.file)
    if kind == "script":
        own: dict[str, Attribute] = {"rel": "modulepreload", "href": url, **_checked(asset, url)}
    else:
        own = {"rel": "preload", "href": url, "as": kind or "fetch"}
        if kind == "style":
            own |= _checked(asset, url)
        if kind in ("font", None):
            # Fonts are always fetched without credentials; a preload that differs is wasted.
            own |= {"type": media_type(asset.file), "crossorigin": "anonymous"}
    return _element("link", {**own, **attributes})


def _kind(file: str) -> str | None:
    if posixpath.splitext(file)[1] in (".js", ".mjs"):
        return "script"
    if file.endswith(".css"):
        return "style"
    family = media_type(file).partition("/")[0]
    return family if family in ("image", "font") else None


def _checked(asset: Asset, url: str) -> dict[str, Attribute]:
    checked: dict[str, Attribute] = {"integrity": asset.integrity}
    if "//" in url:  # from another host, integrity is only checked on a CORS request
        checked["crossorigin"] = "anonymous"
    return checked


def _element(name: str, attributes: Mapping[str, Attribute]) -> HTML:
    parts = [name]
    for key, value in attributes.items():
        attribute = key.rstrip("_").replace("_", "-")
        if value is True:
            parts.append(escape(attribute))
        elif value is not None and value is not False:
            parts.append(f'{escape(attribute)}="{escape(str(value))}"')
    return HTML(f"<{' '.join(parts)}>")
