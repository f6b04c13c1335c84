"""Fixtures for projects that use mizzen-cache; nothing heavy is imported before a test asks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from mizzen.cache import Cache
    from mizzen.cache.testing import FrozenClock

__all__ = ["mizzen_cache", "mizzen_clock"]


@pytest.fixture
def mizzen_clock() -> FrozenClock:
    """Return a clock that moves only when told to; `mizzen_cache` goes by it."""
    from mizzen.cache.testing import FrozenClock

    return FrozenClock()


@pytest.fixture
async def mizzen_cache(mizzen_clock: FrozenClock) -> AsyncIterator[Cache]:
    """Return an empty cache in memory, started, that belongs to this test alone."""
    from mizzen.cache import Cache

    async with Cache("memory:", clock=mizzen_clock) as cache:
        yield cache
