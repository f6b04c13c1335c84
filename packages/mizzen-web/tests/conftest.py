"""The in-process client and the server are asyncio's."""

import pytest


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
