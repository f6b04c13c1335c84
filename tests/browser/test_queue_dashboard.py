"""The queue's dashboard as people use it: live counts, a hostile job, a retry, a phone."""

from __future__ import annotations

import re
import textwrap
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import anyio
import pytest
from playwright.sync_api import expect

from mizzen.testing import Process

if TYPE_CHECKING:
    import pathlib
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Page

PROGRAM = """
    import asyncio
    import socket

    import uvicorn

    from mizzen.queue import Queue, Retry, current_job
    from mizzen.queue.dashboard import dashboard

    q = Queue("sqlite:///app.db")
    works = False

    @q.job(queue="mail <b>", retry=Retry(max=1))
    async def send(to: str, password: str) -> str:
        global works
        if not works:
            works = True
            raise ValueError(f"<script>document.title = 'broken'</script> {to}")
        return to

    @q.job
    async def export() -> None:
        for row in range(10_000):
            current_job().progress(row, 10_000, "exporting")
            await asyncio.sleep(0.05)

    async def main() -> None:
        inner = dashboard(q, auth=("ops", "pw"))

        async def mounted(scope, receive, send):
            await inner({**scope, "root_path": "/ops"}, receive, send)

        with socket.create_server(("127.0.0.1", 0)) as listening:
            async with q, q.worker():
                await send("<img src=x onerror=alert(1)>", "hunter2").enqueue()
                await export().enqueue()
                print(f"http://127.0.0.1:{listening.getsockname()[1]}/ops", flush=True)
                config = uvicorn.Config(mounted, log_level="warning", lifespan="off")
                await uvicorn.Server(config).serve([listening])

    asyncio.run(main())
"""

ADDRESS = re.compile(r"(http://\S+/ops)")


@pytest.fixture(scope="module")
def dashboard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return the address of a dashboard, mounted in another app, in a process of its own."""
    folder = tmp_path_factory.mktemp("queue")
    (folder / "app.py").write_text(textwrap.dedent(PROGRAM))
    process = Process("app.py", cwd=folder)
    process.start()
    try:
        # In a thread: playwright keeps a loop of its own running in this one.
        with ThreadPoolExecutor(1) as thread:
            printed = thread.submit(lambda: anyio.run(process.wait_for, ADDRESS, 40)).result()
        yield printed[1]
    finally:
        process.close()


def sign_in(new_page: Callable[..., Page], **options: object) -> Page:
    return new_page(http_credentials={"username": "ops", "password": "pw"}, **options)


def test_a_dead_job_is_looked_at_and_queued_again(
    dashboard: str, new_page: Callable[..., Page], screenshots: pathlib.Path
) -> None:
    page = sign_in(new_page, color_scheme="dark")
    page.goto(f"{dashboard}/jobs?status=dead")
    page.get_by_role("link", name=re.compile("^#")).click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("send")
    expect(page.locator("pre").first).to_contain_text("<img src=x onerror=alert(1)>")
    expect(page.locator("pre").first).not_to_contain_text("hunter2")
    assert "broken" not in page.title()
    page.screenshot(path=screenshots / "queue-job.png")
    page.get_by_role("button", name="Requeue").click()
    expect(page.get_by_role("status")).to_have_text("Queued again")
    expect(page.locator("h1 .badge")).to_have_text("done", timeout=10_000)  # without a reload


def test_the_overview_is_live_and_pauses_queues(
    dashboard: str, new_page: Callable[..., Page], screenshots: pathlib.Path
) -> None:
    page = sign_in(new_page, viewport={"width": 390, "height": 844})
    other = sign_in(new_page)
    page.goto(dashboard)
    expect(page.locator("tbody .badge.paused")).to_have_count(0)
    other.goto(dashboard)
    row = other.get_by_role("row").filter(has_text="mail <b>")
    row.get_by_role("button", name="Pause").click()
    expect(other.locator("tbody .badge.paused")).to_have_count(1)
    expect(page.locator("tbody .badge.paused")).to_have_count(1, timeout=10_000)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.screenshot(path=screenshots / "queue-on-a-phone.png")
    row.get_by_role("button", name="Resume").click()
    expect(page.locator("tbody .badge.paused")).to_have_count(0, timeout=10_000)


def test_what_runs_is_cancelled_after_a_question(
    dashboard: str, new_page: Callable[..., Page]
) -> None:
    page = sign_in(new_page)
    page.goto(f"{dashboard}/jobs?status=running")
    page.get_by_role("link", name=re.compile("^#")).click()
    expect(page.locator("progress")).to_be_visible()
    page.once("dialog", lambda question: question.dismiss())
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator("h1 .badge")).to_have_text("running")
    page.once("dialog", lambda question: question.accept())
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator("h1 .badge")).to_have_text("cancelled", timeout=10_000)
