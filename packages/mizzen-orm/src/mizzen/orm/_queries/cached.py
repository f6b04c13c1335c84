"""Queries whose answers are kept in a cache until one of their tables is written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self, TypeVar

from .._connections import sessions
from .._errors import ConfigurationError
from .._models import hydration
from .._tenancy.acting import acting
from .._units import seconds
from . import including
from .chain import Chain

if TYPE_CHECKING:
    from datetime import timedelta

    from .._connections.direct import Straight
    from .._core import Core
    from .._models.model import Model

M = TypeVar("M", bound="Model")


class Cached(Chain[M]):
    """What a query says about the database's cache."""

    def cached(self, expire: float | timedelta | str | None = None) -> Self:
        """Serve rows, and what they include, from the database's `query_cache`.

        They are kept until a row of one of their tables is written through this package and
        committed, and no longer than *expire* ("10m"; None is for ever). Raw SQL outside of
        transactions, migrations and other programs are not seen. Inside a transaction the database
        is asked; so it is for `count()` and its like, and for `async for`.
        """
        return self._with(_kept=(None if expire is None else seconds(expire),))


def way(query: Any, database: Core) -> Straight | None:
    """Return how the rows of a cached query are read, or None where the cache does not count."""
    caching = database.caching
    if caching is None and database.query_cache is None:
        raise ConfigurationError(
            "cached() needs a cache: Database(url, query_cache=cache), with one such as "
            "mizzen.cache.Cache()."
        )
    model = query._model
    named = len(query._paths) == len(query._options)
    simple = hydration.plain(model) and named and including.simple(model, query._paths)
    if query._lock is not None or query._fields or not simple:
        raise ConfigurationError(
            f"cached() keeps whole rows of {model.__name__}, with relations over one key: leave "
            "out only(), defer(), with_lock() and includes over a link or of several tables."
        )
    frame = sessions.ambient(database)
    if caching is None or acting(database) is not None or (frame is not None and frame.writes):
        return None
    return caching.straight(query._kept[0])
