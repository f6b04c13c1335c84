"""Every store of ours keeps the promises of a user store."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mizzen.auth.stores import open_store
from mizzen.auth.testing import UserStoreContract

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from mizzen.auth.abc import UserStore


class TestMemory(UserStoreContract):
    @pytest.fixture
    async def store(self) -> AsyncIterator[UserStore]:
        store = open_store("memory:")
        await store.start()
        yield store
        await store.aclose()


class TestSQLite(UserStoreContract):
    @pytest.fixture
    async def store(self, tmp_path: Path) -> AsyncIterator[UserStore]:
        store = open_store(f"sqlite:///{tmp_path}/app.db")
        await store.start()
        yield store
        await store.aclose()


@pytest.mark.extra("psycopg")
class TestPostgreSQL(UserStoreContract):
    @pytest.fixture
    async def store(self, postgres_url: str) -> AsyncIterator[UserStore]:
        store = open_store(postgres_url)
        await store.start()
        yield store
        await store.aclose()
