"""A real NATS with JetStream; the streams of a test go with it."""

from __future__ import annotations

import pytest

import mizzen.testing
from mizzen.testing.servers._nats_wire import connected


@pytest.mark.parametrize("which", ["first", "second"])
def test_each_test_has_no_streams(nats_url: str, which: str) -> None:
    with connected(nats_url) as wire:
        assert wire.streams() == set()
        wire.ask("STREAM.CREATE.orders", name="orders", subjects=[f"orders.{which}"])


@pytest.mark.usefixtures("own_servers")
def test_a_given_server_keeps_the_streams_that_it_had(nats_url: str) -> None:
    with connected(nats_url) as wire:
        wire.ask("STREAM.CREATE.precious", name="precious", subjects=["precious"])
        with mizzen.testing.nats(nats_url) as server, server.fresh():
            wire.ask("STREAM.CREATE.mine", name="mine", subjects=["mine"])
            assert wire.streams() == {"mine", "precious"}
        assert wire.streams() == {"precious"}


@pytest.mark.usefixtures("own_servers")
def test_a_given_server_can_not_serve_several_xdist_workers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PYTEST_XDIST_WORKER", "gw1")
    with pytest.raises(mizzen.testing.ServerUnavailable, match="run without -n"):
        mizzen.testing.nats("nats://127.0.0.1:1").start()


def test_what_the_server_says_is_in_the_error(nats_url: str) -> None:
    with (
        connected(nats_url) as wire,
        pytest.raises(mizzen.testing.ServerFailed, match="stream not found"),
    ):
        wire.delete("never-made")
