"""What can go wrong, from the caller's point of view: one base, and what to do about each."""

from __future__ import annotations


class CacheError(Exception):
    """Base of every error this package raises on purpose."""


class NotStarted(CacheError):
    """The cache is not open: call `await cache.start()` or use `async with`."""


class UnknownTier(CacheError, ValueError):
    """No tier answers to this URL; the message lists the schemes that exist."""


class MissingExtra(CacheError, ImportError):
    """A tier needs a library that is not installed; the message names the extra to install."""


class Uncacheable(CacheError, TypeError):
    """A key, an argument or a value cannot be cached as it is; the message says which and why."""


class WrongType(CacheError, TypeError):
    """A loader returned something that does not read back as the type asked for."""


class RecursiveLoad(CacheError, RuntimeError):
    """A loader waits, directly or through others, for the very key it is loading."""


class LoadCancelled(CacheError, RuntimeError):
    """The load this call waited for was cancelled from inside, or the cache was closed."""


class TierUnavailable(CacheError):
    """A tier cannot be used right now.

    Tiers raise it; the cache turns it into a miss, an `error` event and a pause of that tier.
    """


class Corrupt(CacheError):
    """Stored bytes are not what was stored; callers of the cache never see this."""
