from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mizzen.queue.stores.memory import MemoryStore
from mizzen.queue.stores.sqlite import SqliteStore
from mizzen.queue.testing import Clock, StoreContract
from mizzen.queue.testing_durable import DurableContract
from mizzen.queue.testing_flows import FlowContract
from mizzen.queue.testing_monitoring import MonitoringContract
from mizzen.queue.testing_schedules import ScheduleContract

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from mizzen.queue.abc import Store


class Contract(FlowContract, ScheduleContract, DurableContract, MonitoringContract, StoreContract):
    """All that our stores promise."""


class TestMemory(Contract):
    @pytest.fixture
    async def store(self, clock: Clock) -> AsyncIterator[Store]:
        store = MemoryStore(clock)
        await store.start()
        yield store
        await store.aclose()


class TestSqlite(Contract):
    @pytest.fixture
    async def store(self, clock: Clock, tmp_path: Path) -> AsyncIterator[Store]:
        store = SqliteStore(f"sqlite:///{tmp_path}/app.db", clock)
        await store.start()
        yield store
        await store.aclose()


@pytest.mark.extra("psycopg")
class TestPostgres(Contract):
    @pytest.fixture
    async def store(self, clock: Clock, postgres_url: str) -> AsyncIterator[Store]:
        from mizzen.queue.stores.postgres import PostgresStore

        store = PostgresStore(postgres_url, clock)
        await store.start()
        yield store
        await store.aclose()
