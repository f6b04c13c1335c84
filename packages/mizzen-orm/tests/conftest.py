from __future__ import annotations

import pytest


@pytest.fixture
def anyio_backend() -> str:
    """SQLAlchemy's async engines run on asyncio only."""
    return "asyncio"


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.extra("psycopg"))])
def database_url(request: pytest.FixtureRequest) -> str:
    """An empty database on SQLite, and one on PostgreSQL."""
    if request.param == "sqlite":
        return "memory:"
    url: str = request.getfixturevalue("postgres_url")
    return url
