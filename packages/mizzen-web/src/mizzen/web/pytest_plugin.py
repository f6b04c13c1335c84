"""Fixtures for projects that use mizzen-web; nothing heavy is imported before a test asks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from mizzen.web import Web

__all__ = ["mizzen_web"]


@pytest.fixture
def mizzen_web() -> Web:
    """Return an empty site in debug mode; `mizzen_web.test()` is its client."""
    from mizzen.web import Web

    return Web(debug=True)
