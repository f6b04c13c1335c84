"""What the tests of auth share: asyncio, a clock that stands still, and an ASGI request."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mizzen.auth import Auth
from mizzen.auth.testing import FrozenClock, cheap_hasher

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock()


@pytest.fixture(params=["memory", "sqlite"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return "memory:" if request.param == "memory" else f"sqlite:///{tmp_path}/app.db"


@pytest.fixture
async def auth(url: str, clock: FrozenClock) -> AsyncIterator[Auth]:
    async with Auth(url, hasher=cheap_hasher(), clock=clock) as auth:
        yield auth


@pytest.fixture
def database(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/app.db"


@pytest.fixture
def open_auth(database: str) -> Callable[[], Auth]:
    """Make an `Auth` on one SQLite file, as several processes would."""
    return lambda: Auth(database, hasher=cheap_hasher())
