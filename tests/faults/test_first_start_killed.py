"""Killed at any moment of the very first start, the next one goes on from there."""

from __future__ import annotations

import random
import signal
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from .conftest import Demo

# What appears in the folder, in this order: the database with its tables, what browsers get, and
# the login, noted before there is a user.
STEPS = ["gists.db", "assets", "demo-login.json"]


async def test_killed_again_and_again_it_still_finishes_and_the_login_works(
    demo: Callable[[], Demo], eventually: Callable[[Callable[[], bool]], Awaitable[None]]
) -> None:
    chance = random.Random()
    at_steps = [partial(has_made, name=name) for name in STEPS]
    between = [partial(has_written, size=chance.randrange(10_000, 200_000)) for _ in range(3)]
    for moment in (*sorted(between, key=lambda when: when.keywords["size"]), *at_steps):
        killed = demo()
        await eventually(partial(moment, killed))
        killed.process.kill()
        assert "Traceback" not in killed.output
    survivor = demo()
    async with survivor.browser(logged_in=True):
        await survivor.imported()
    assert await survivor.stopped(signal.SIGTERM) == 0
    assert "Traceback" not in survivor.output
    survivor.assert_each_source_once()


def has_made(demo: Demo, *, name: str) -> bool:
    return (demo.folder / name).exists()


def has_written(demo: Demo, *, size: int) -> bool:
    """Tell whether so many bytes are in the database and its log: a measure of the way."""
    found = [demo.folder / name for name in ("gists.db", "gists.db-wal")]
    return sum(path.stat().st_size for path in found if path.exists()) > size
