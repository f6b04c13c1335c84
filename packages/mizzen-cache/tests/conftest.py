from __future__ import annotations

import pytest


@pytest.fixture
def anyio_backend() -> str:
    """The cache is asyncio's alone, as redis-py and the disk tiers' futures are."""
    return "asyncio"
