"""Memory, disk and Redis tiers behind one cache."""

from ._cache import Cache
from ._cached import Cacheable, Cached
from ._errors import (
    CacheError,
    LoadCancelled,
    MissingExtra,
    NotStarted,
    RecursiveLoad,
    TierUnavailable,
    Uncacheable,
    UnknownTier,
    WrongType,
)
from ._events import Event
from ._miss import MISS
from ._units import Duration

__all__ = [
    "MISS",
    "Cache",
    "CacheError",
    "Cacheable",
    "Cached",
    "Duration",
    "Event",
    "LoadCancelled",
    "MissingExtra",
    "NotStarted",
    "RecursiveLoad",
    "TierUnavailable",
    "Uncacheable",
    "UnknownTier",
    "WrongType",
]

for _name in __all__:
    _public = globals()[_name]
    if isinstance(_public, type):
        _public.__module__ = __name__
