"""What the tests of this package share."""

from __future__ import annotations

import os

import pytest


@pytest.fixture
def own_servers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a test start servers and pytest runs that this run's environment doesn't change."""
    for name in list(os.environ):
        if name.startswith(("MIZZEN_", "PYTEST_")) and name != "MIZZEN_TEST_CACHE":
            monkeypatch.delenv(name)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
