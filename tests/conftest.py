from __future__ import annotations

import pytest


@pytest.fixture
def anyio_backend() -> str:
    """Together the components run on asyncio: SQLAlchemy and python-socketio know no other loop."""
    return "asyncio"
