"""Fixtures for projects that use mizzen-cable; nothing heavy is imported before a test asks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from mizzen.cable import Cable

__all__ = ["mizzen_cable"]


@pytest.fixture
def mizzen_cable() -> Cable:
    """Return a cable in memory, not started: `async with mizzen_cable.test() as t:`."""
    from mizzen.cable import Cable

    return Cable()
