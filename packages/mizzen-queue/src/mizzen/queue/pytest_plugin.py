"""Fixtures for projects that use mizzen-queue; nothing heavy is imported before a test asks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from mizzen.queue import Queue

__all__ = ["mizzen_queue"]


@pytest.fixture
def mizzen_queue() -> Queue:
    """Return an empty in-memory queue; `async with mizzen_queue:` starts it."""
    from mizzen.queue import Queue

    return Queue()
