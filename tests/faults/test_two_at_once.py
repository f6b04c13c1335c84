"""Two demonstrations on one folder share it."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from .conftest import Demo


async def test_two_first_starts_on_one_folder_share_the_work_and_the_login(
    demo: Callable[..., Demo],
) -> None:
    both = [demo(sources=12), demo(sources=12)]
    for one in both:
        async with one.browser(logged_in=True) as browser:
            await one.imported()
            assert (await browser.get("/health")).status_code == 200
            written = await browser.post(
                "/gists", data={"title": "Mine", "name": "a.py", "content": "x = 1"}
            )
            assert written.status_code == 303
    for one in both:
        assert await one.stopped(signal.SIGTERM) == 0
        assert "Traceback" not in one.output
    both[0].assert_each_source_once()
