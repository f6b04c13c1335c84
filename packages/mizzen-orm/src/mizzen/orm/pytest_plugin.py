"""Fixtures for projects that use mizzen-orm; nothing heavy is imported before a test asks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator

    from mizzen.orm import Database

__all__ = ["mizzen_db", "mizzen_models", "mizzen_sandbox"]


@pytest.fixture
async def mizzen_db(anyio_backend: object) -> AsyncGenerator[Database]:
    """Return a private, started database with the tables of the known models."""
    from mizzen.orm import Database

    async with Database("memory:") as database:
        await database.create_all()
        yield database


@pytest.fixture
async def mizzen_sandbox(mizzen_db: Database) -> AsyncGenerator[Database]:
    """Return the database `mizzen_db`, in which everything is rolled back after the test.

    Worth its while where a project's own `mizzen_db` lasts longer than a test.
    """
    from mizzen.orm.testing import sandbox

    async with sandbox(mizzen_db):
        yield mizzen_db


@pytest.fixture
def mizzen_models() -> Generator[None]:
    """Forget, after the test, the models defined in it; before it, none is known."""
    from mizzen.orm.testing import scratch_models

    with scratch_models():
        yield
