from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest

from mizzen.cable.brokers import open_broker
from mizzen.cable.testing import BrokerContract

if TYPE_CHECKING:
    from collections.abc import Callable

    from mizzen.cable import Broker

names = itertools.count()


class TestMemory(BrokerContract):
    @pytest.fixture
    def make(self) -> Callable[[], Broker]:
        name = f"memory:contract-{next(names)}"
        return lambda: open_broker(name)


@pytest.mark.extra("redis")
class TestRedis(BrokerContract):
    @pytest.fixture
    def make(self, valkey_url: str) -> Callable[[], Broker]:
        return lambda: open_broker(f"{valkey_url}?prefix=contract:&node_timeout=1s")
