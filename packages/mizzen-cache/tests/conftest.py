from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mizzen.cache import Cache
from mizzen.cache.testing import FrozenClock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@pytest.fixture
def anyio_backend() -> str:
    """The cache is asyncio's alone, as redis-py and the disk tiers' futures are."""
    return "asyncio"


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock()


@pytest.fixture(params=["memory", "sqlite", "memory over sqlite"])
async def cache(
    request: pytest.FixtureRequest, tmp_path: Path, clock: FrozenClock
) -> AsyncIterator[Cache]:
    """A started cache; each test that takes it runs over each stack that needs no server."""
    disk = f"sqlite:///{tmp_path}/cache.db"
    urls = {"memory": ["memory:"], "sqlite": [disk], "memory over sqlite": ["memory:", disk]}
    async with Cache(*urls[str(request.param)], clock=clock) as opened:
        yield opened
