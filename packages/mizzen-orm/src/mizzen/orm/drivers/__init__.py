"""One file per kind of database; a driver is imported when a URL asks for it."""

from __future__ import annotations

import importlib
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any, cast

from .._errors import ConfigurationError

if TYPE_CHECKING:
    from ..abc import Driver

_OURS = {
    "memory": (".sqlite", "SQLite"),
    "sqlite": (".sqlite", "SQLite"),
    "postgresql": (".postgresql", "PostgreSQL"),
    "postgres": (".postgresql", "PostgreSQL"),
    "mysql": (".mysql", "MySQL"),
    "mariadb": (".mysql", "MySQL"),
}


def scheme_of(url: str) -> str:
    """Return what stands before the colon, without a driver's name."""
    if not isinstance(cast("object", url), str):
        raise ConfigurationError(
            f'a database URL is a text such as "sqlite:///app.db", not {type(url).__name__}.'
        )
    scheme, colon, _ = url.partition(":")
    if not colon or not scheme:
        raise ConfigurationError(
            f'"{masked(url)}" is not a database URL; write "memory:", "sqlite:///app.db", '
            '"postgresql://user@host/name" or "mysql://user@host/name".'
        )
    return scheme.lower().partition("+")[0]


def driver_for(url: str, **options: Any) -> Driver:
    """Return the driver that *url* names, still closed."""
    scheme = scheme_of(url)
    if scheme in _OURS:
        module, name = _OURS[scheme]
        return cast(
            "Driver", getattr(importlib.import_module(module, __name__), name)(url, **options)
        )
    others = {found.name: found for found in entry_points(group="mizzen.orm.drivers")}
    if scheme in others:
        return cast("Driver", others[scheme].load()(url, **options))
    known = ", ".join(f"{name}:" for name in sorted({*_OURS, *others}))
    raise ConfigurationError(f'no driver for "{scheme}:" databases; known are {known}.')


def masked(url: str) -> str:
    """Return *url* fit for a log: without its password and its query."""
    head, at, tail = url.partition("?")[0].rpartition("@")
    if not at:
        return tail
    scheme, slashes, login = head.rpartition("://")
    user, colon, _ = login.partition(":")
    return f"{scheme}{slashes}{user}{':***' if colon else ''}@{tail}"
