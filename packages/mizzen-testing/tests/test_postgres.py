"""A real PostgreSQL: a fresh database for each test, on a server of the session."""

from __future__ import annotations

import pytest


@pytest.fixture(params=["first", "second"])
def which(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.extra("psycopg")
def test_each_test_has_an_empty_database(postgres_url: str, which: str) -> None:
    import psycopg

    with psycopg.connect(postgres_url) as connection:
        connection.execute("CREATE TABLE only_mine (name text)")
        connection.execute("INSERT INTO only_mine VALUES (%s)", [which])
        assert connection.execute("SELECT lower('ÄÖ')").fetchone() == ("äö",)
