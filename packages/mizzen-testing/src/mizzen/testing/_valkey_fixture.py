"""The fixture `valkey_url`, in a module of its own so that it can be registered last."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator

    from .servers._server import Server


@pytest.fixture
def valkey_url(mizzen_valkey: Server) -> Generator[str]:
    """Return the URL of an empty Valkey database, such as `redis://127.0.0.1:46813/0`."""
    with mizzen_valkey.fresh() as url:
        yield url
