"""Fixtures for projects that use mizzen-auth; nothing heavy is imported before a test asks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from mizzen.auth import Auth
    from mizzen.auth.testing import LoginAs

__all__ = ["login_as", "mizzen_auth"]


@pytest.fixture
async def mizzen_auth(anyio_backend: object) -> AsyncIterator[Auth]:
    """Give a started in-memory `Auth` that hashes cheaply."""
    from mizzen.auth import Auth
    from mizzen.auth.testing import cheap_hasher

    async with Auth("memory:", hasher=cheap_hasher()) as auth:
        yield auth


@pytest.fixture
def login_as(mizzen_auth: Auth) -> LoginAs:
    """Give `await login_as("ann")`: registers ann if needed; returns her session and its cookie."""
    from mizzen.auth.testing import LoginAs

    return LoginAs(mizzen_auth)
