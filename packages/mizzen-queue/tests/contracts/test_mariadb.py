from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mizzen.queue.testing import Clock, StoreContract
from mizzen.queue.testing_durable import DurableContract
from mizzen.queue.testing_flows import FlowContract
from mizzen.queue.testing_monitoring import MonitoringContract
from mizzen.queue.testing_schedules import ScheduleContract

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from mizzen.queue.abc import Store


@pytest.mark.extra("asyncmy")
class TestMariaDB(
    FlowContract, ScheduleContract, DurableContract, MonitoringContract, StoreContract
):
    @pytest.fixture
    async def store(self, clock: Clock, mariadb_url: str) -> AsyncIterator[Store]:
        from mizzen.queue.stores.mariadb import MariaDBStore

        store = MariaDBStore(mariadb_url, clock)
        await store.start()
        yield store
        await store.aclose()
