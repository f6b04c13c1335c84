"""Fixtures for projects built on mizzen; nothing heavy is imported before a test asks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from mizzen.app import App

__all__ = ["mizzen_app"]


@pytest.fixture
def mizzen_app(tmp_path: Path) -> App:
    """Return an app, not started, whose data lies in the test's own folder."""
    from mizzen.app import App

    return App("test", data=tmp_path)
