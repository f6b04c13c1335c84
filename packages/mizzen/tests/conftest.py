from __future__ import annotations

import pytest


@pytest.fixture
def anyio_backend() -> str:
    """The components are asyncio's: SQLAlchemy, python-socketio and uvicorn know no other loop."""
    return "asyncio"
