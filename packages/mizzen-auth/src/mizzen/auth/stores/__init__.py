"""Where users and sessions are kept: one URL picks the backend, one file per backend."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mizzen.auth._errors import ConfigurationError, MissingLibrary

if TYPE_CHECKING:
    from mizzen.auth.abc import UserStore

__all__ = ["open_store"]

OTHERS = "mizzen.auth.stores"


def open_store(url: str) -> UserStore:
    """Return the store that a URL names; nothing is opened yet.

    Other packages add schemes through the entry point group `mizzen.auth.stores`: a callable that
    takes the URL and returns a `UserStore`.
    """
    scheme, colon, _ = url.partition(":")
    if scheme == "memory":
        from .memory import MemoryStore

        return MemoryStore()
    if scheme == "sqlite":
        from .sqlite import SQLiteStore

        return SQLiteStore(url)
    if scheme in ("postgresql", "postgres"):
        return _postgresql(url)
    from importlib.metadata import entry_points  # 10 ms that the built-in stores don't need

    others = {point.name: point for point in entry_points(group=OTHERS)}
    if scheme in others:
        store: UserStore = others[scheme].load()(url)
        return store
    known = ", ".join(sorted({"memory", "sqlite", "postgresql", *others}))
    named = f"{scheme}:" if colon else "that"
    raise ConfigurationError(f"No user store is called {named!r}; there are: {known}")


def _postgresql(url: str) -> UserStore:
    try:
        from .postgresql import PostgreSQLStore
    except ImportError as exc:
        raise MissingLibrary(
            'PostgreSQL needs psycopg: pip install "mizzen-auth[postgres]"'
        ) from exc
    return PostgreSQLStore(url)
