from __future__ import annotations

import pytest


@pytest.fixture
def anyio_backend() -> str:
    """SQLAlchemy's async engines run on asyncio only."""
    return "asyncio"
