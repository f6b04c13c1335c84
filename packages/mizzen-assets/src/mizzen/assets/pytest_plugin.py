"""Fixtures for projects that use mizzen-assets; nothing heavy is imported before a test asks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from mizzen.assets import Assets

__all__ = ["mizzen_assets"]


@pytest.fixture
def mizzen_assets(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Assets]:
    """Return a function that builds a source folder into a temporary one.

    `mizzen_assets("assets", entries=["app.scss"])` takes what `Assets` takes, and returns
    one whose `url` and `tag` work.
    """
    from mizzen.assets import Assets

    def built(source: str | Path, **options: Any) -> Assets:
        output = tmp_path_factory.mktemp("assets")
        assets = Assets(source, output, **options)
        assets.build_blocking()
        return assets

    return built
