"""Every kind of database keeps the same promises."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mizzen.orm.testing import DatabaseContract

if TYPE_CHECKING:
    from pathlib import Path


class TestMemory(DatabaseContract):
    @pytest.fixture
    def url(self) -> str:
        return "memory:"


class TestSQLiteFile(DatabaseContract):
    @pytest.fixture
    def url(self, tmp_path: Path) -> str:
        return f"sqlite:///{tmp_path}/app.db"


@pytest.mark.extra("psycopg")
class TestPostgreSQL(DatabaseContract):
    @pytest.fixture
    def url(self, postgres_url: str) -> str:
        return postgres_url


@pytest.mark.extra("asyncpg")
class TestAsyncpg(DatabaseContract):
    @pytest.fixture
    def url(self, postgres_url: str) -> str:
        return postgres_url.replace("postgresql:", "postgresql+asyncpg:")


@pytest.mark.extra("asyncmy")
class TestMariaDB(DatabaseContract):
    @pytest.fixture
    def url(self, mariadb_url: str) -> str:
        return mariadb_url
