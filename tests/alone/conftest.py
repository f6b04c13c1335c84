from __future__ import annotations

import pytest

from .distributions import DISTRIBUTIONS, Distribution


@pytest.fixture(params=DISTRIBUTIONS, ids=lambda distribution: distribution.name)
def distribution(request: pytest.FixtureRequest) -> Distribution:
    """Each distribution of the workspace."""
    return request.param
