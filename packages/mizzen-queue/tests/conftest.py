from __future__ import annotations

import pytest


@pytest.fixture
def anyio_backend() -> str:
    """The queue is for asyncio, as psycopg and its own threads are."""
    return "asyncio"
