"""From a URL to a tier; a tier's module is imported only when its URL is asked for."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final, cast

from ._errors import MissingExtra, UnknownTier

if TYPE_CHECKING:
    from collections.abc import Callable

    from .abc import Tier

_OURS: Final = {
    "memory": "memory",
    "sqlite": "sqlite",
    "diskcache": "diskcache",
    "redis": "redis",
    "rediss": "redis",
    "valkey": "redis",
    "valkeys": "redis",
}
_GROUP: Final = "mizzen.cache.tiers"


def tier_from(url: str) -> Tier:
    """Return the tier that *url* names; nothing is opened yet.

    Other packages add schemes with entry points of the group `mizzen.cache.tiers`: a callable that
    takes the URL and returns a tier.
    """
    scheme = url.partition(":")[0].lower()
    if module := _OURS.get(scheme):
        return _ours(module, url)
    from importlib.metadata import entry_points  # takes 20 ms: only for schemes that are not ours

    others = {point.name: point for point in entry_points(group=_GROUP)}
    if point := others.get(scheme):
        return cast("Callable[[str], Tier]", point.load())(url)
    known = sorted({*_OURS, *others})
    raise UnknownTier(f"no cache tier for {masked(url)!r}; known schemes: {', '.join(known)}")


def _ours(module: str, url: str) -> Tier:
    from urllib.parse import parse_qsl, urlsplit

    parts = urlsplit(url)
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    try:
        tiers = import_module(f".tiers.{module}", __package__)
    except ModuleNotFoundError as exc:
        raise MissingExtra(
            f"the {module} tier needs {exc.name}, which is not installed: "
            f'pip install "mizzen-cache[{module}]"'
        ) from exc
    place = url if module == "redis" else parts.path.removeprefix("/")
    tier = cast("Tier", tiers.from_url(place, options))
    if options:
        raise UnknownTier(f"{masked(url)!r} has options unknown to it: {', '.join(options)}")
    return tier


def masked(url: str) -> str:
    """Return *url* without its password."""
    from urllib.parse import urlsplit

    parts = urlsplit(url)
    if parts.password is None:
        return url
    return url.replace(f":{parts.password}@", ":***@", 1)
