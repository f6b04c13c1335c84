"""One URL picks the store; each is one file here, imported only when asked for."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from .._errors import QueueError

if TYPE_CHECKING:
    from ..abc import Store

_OURS = ("memory", "sqlite", "postgresql", "mariadb")


def open_store(url: str) -> Store:
    """The store for *url*, not yet started; QueueError names the known schemes."""
    scheme = url.partition(":")[0]
    if scheme == "memory":
        from .memory import MemoryStore

        return MemoryStore()
    if scheme == "sqlite":
        from .sqlite import SqliteStore

        return SqliteStore(url)
    if scheme in ("postgresql", "postgres"):
        from .postgres import PostgresStore

        return PostgresStore(url)
    if scheme in ("mariadb", "mysql"):
        from .mariadb import MariaDBStore

        return MariaDBStore(url)
    return _third_party(scheme, url)


def mask(url: str) -> str:
    """*url* without its password, for reprs and messages."""
    return re.sub(r"(://[^/@:]*):[^/]*@", r"\1:***@", url)


def _third_party(scheme: str, url: str) -> Store:
    from importlib.metadata import entry_points

    found = entry_points(group="mizzen.queue.stores")
    for entry in found:
        if entry.name == scheme:
            store: Store = entry.load()(url)
            return store
    known = ", ".join(sorted({*_OURS, *(entry.name for entry in found)}))
    raise QueueError(f"no store for {mask(url)!r}: the URL must start with one of {known}")
