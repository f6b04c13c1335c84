"""One URL picks the broker; each lives in a file of its own that is imported when asked for."""

from __future__ import annotations

from importlib import import_module, metadata
from typing import TYPE_CHECKING, cast

from .._errors import Misconfigured

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..abc import Broker

OURS = {
    "memory": (".memory", "MemoryBroker", ""),
    "redis": (".redis", "RedisBroker", "redis"),
    "rediss": (".redis", "RedisBroker", "redis"),
    "valkey": (".redis", "RedisBroker", "redis"),
}


def open_broker(url: str) -> Broker:
    """Return the broker of a URL, not started; an unknown scheme raises `Misconfigured`."""
    scheme = url.partition(":")[0]
    if scheme in OURS:
        module, name, extra = OURS[scheme]
        try:
            make = getattr(import_module(module, __name__), name)
        except ImportError as exc:
            raise Misconfigured(
                f"{scheme}: needs a library that isn't installed: "
                f'pip install "mizzen-cable[{extra}]"'
            ) from exc
        return cast("Broker", make(url))
    others = {point.name: point for point in metadata.entry_points(group="mizzen.cable.brokers")}
    if scheme in others:
        return cast("Callable[[str], Broker]", others[scheme].load())(url)
    known = ", ".join(sorted({*OURS, *others}))
    raise Misconfigured(f"{scheme!r} is not a broker this cable knows; it knows {known}")
