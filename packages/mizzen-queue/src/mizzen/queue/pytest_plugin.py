"""Fixtures for projects that use mizzen-queue; nothing heavy is imported before a test asks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mizzen.queue import Queue
    from mizzen.queue.testing import FrozenClock

__all__ = ["mizzen_queue", "mizzen_queue_clock"]


@pytest.fixture
def mizzen_queue_clock() -> FrozenClock:
    """Return the clock of `mizzen_queue`; it stands still until `advance("1h")`."""
    from mizzen.queue.testing import FrozenClock

    return FrozenClock()


@pytest.fixture
def mizzen_queue(mizzen_queue_clock: FrozenClock) -> Iterator[Queue]:
    """Return an empty queue in memory, started and under test: `await mizzen_queue.drain()`."""
    from mizzen.queue import Queue

    queue = Queue()
    with queue.testing("drain", clock=mizzen_queue_clock):
        yield queue
