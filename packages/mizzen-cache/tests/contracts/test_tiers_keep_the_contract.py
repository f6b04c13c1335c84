from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mizzen.cache.testing import FaultyTier, TierContract

if TYPE_CHECKING:
    from pathlib import Path

    from mizzen.cache.abc import Tier


class TestMemory(TierContract):
    @pytest.fixture
    async def tier(self) -> Tier:
        from mizzen.cache.tiers.memory import MemoryTier

        return MemoryTier()


class TestSqlite(TierContract):
    @pytest.fixture
    async def tier(self, tmp_path: Path) -> Tier:
        from mizzen.cache.tiers.sqlite import SqliteTier

        return SqliteTier(tmp_path / "cache.db")


@pytest.mark.extra("diskcache")
class TestDiskcache(TierContract):
    @pytest.fixture
    async def tier(self, tmp_path: Path) -> Tier:
        from mizzen.cache.tiers.diskcache import DiskcacheTier

        return DiskcacheTier(tmp_path / "cache")


@pytest.mark.extra("redis")
@pytest.mark.parametrize("protocol", [2, 3], ids=["resp2", "resp3"], scope="class")
class TestRedis(TierContract):
    @pytest.fixture
    async def tier(self, valkey_url: str, protocol: int) -> Tier:
        from mizzen.cache.tiers.redis import from_url

        return from_url(f"{valkey_url}?protocol={protocol}&timeout=5s", {})


class TestTheDoubleWhileNothingIsWrong(TierContract):
    @pytest.fixture
    async def tier(self) -> Tier:
        from mizzen.cache.tiers.memory import MemoryTier

        return FaultyTier(MemoryTier())
