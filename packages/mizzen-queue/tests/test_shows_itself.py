# pyright: reportPrivateUsage=false

# ruff: noqa: ASYNC110  (what is polled is a store, or a worker: neither has an event for it)

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from mizzen.queue import Queue
from mizzen.queue import notebook as module


async def test_queue_and_worker_have_one_line_and_a_table(q: Queue) -> None:
    @q.job
    async def one() -> None: ...

    assert repr(q) == f"<mizzen.queue.Queue {q.url} 1 kind>"
    async with q.worker(queues=["<mail>"]) as worker:
        assert repr(worker) == f"<mizzen.queue.Worker {q.url} running: 0 of 10 busy>"
        assert "&lt;mail&gt;" in worker._repr_html_()
        assert (await worker.health()) == {"ok": True, "detail": {"worker": "ok"}}
    await one().enqueue()
    await q.counts()
    assert repr(q) == f"<mizzen.queue.Queue {q.url} 1 kind, 1 queued, 0 done>"
    assert "<th style='text-align:left'>queued</th><td>1</td>" in q._repr_html_()


@pytest.mark.extra("psycopg")
def test_passwords_are_not_shown() -> None:
    q = Queue("postgresql://ann:s3cret@db.example/app")
    assert "s3cret" not in repr(q) + q._repr_html_()
    assert "ann:***@db.example" in repr(q)


def test_outside_a_notebook_the_view_is_text_and_html() -> None:
    q = Queue()
    view = q.view()
    assert repr(view) == repr(q)
    assert set(view._repr_mimebundle_()) == {"text/plain", "text/html"}
    assert view._repr_html_() == q._repr_html_()
    view.close()


@pytest.mark.extra("ipywidgets")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
async def test_in_a_notebook_the_view_follows_and_shows_its_own_failure(
    q: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "in_kernel", lambda: True)

    gate = asyncio.Event()

    @q.job
    async def one() -> None:
        await gate.wait()

    await q.enqueue_many([one(), one()])
    view: Any = q.view(every=0.01)
    bundle = view._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in bundle
    bar, table, stop = view._widget.children

    async def until(condition: Any) -> None:
        async with asyncio.timeout(5):
            while not condition():
                await asyncio.sleep(0.005)

    async with q.worker():
        await until(lambda: "jobs per second" in table.value)
        gate.set()
        await until(lambda: bar.value == bar.max == 2 and bar.bar_style == "success")
        await until(lambda: "jobs per second" not in table.value)
    await q.aclose()
    await until(lambda: "NotStarted" in table.value)
    stop.click()
    view.close()
    assert view._following is None
