"""`mizzen server` and `mizzen worker` as people run them: to the signal, and beyond."""

from __future__ import annotations

import asyncio
import re
import socket
import urllib.request
from typing import TYPE_CHECKING

import pytest

from mizzen.queue import Queue

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from mizzen.testing import Process

    Spawn = Callable[..., Process]

SHOP = """
import asyncio
from mizzen.app import App

app = App("shop", config="shop.toml")
queue, web = app.queue, app.web

@queue.job
async def pack(seconds: float) -> str:
    print("packing", flush=True)
    await asyncio.sleep(seconds)
    print("packed", flush=True)
    return "done"

@web.get("/")
async def home() -> str:
    return "home"
"""


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    (tmp_path / "shop.py").write_text(SHOP)
    (tmp_path / "shop.toml").write_text("[queue]\nworkers = 1\n")
    return tmp_path


async def enqueue(folder: Path, seconds: float) -> int:
    """Put a job there from this process, as a web process would for a worker elsewhere."""
    async with Queue(f"sqlite:///{folder}/shop.db") as queue:

        @queue.job
        async def pack(seconds: float) -> str:
            return ""

        return (await pack(seconds).enqueue()).id


async def status(folder: Path, job: int) -> str:
    async with Queue(f"sqlite:///{folder}/shop.db") as queue:
        return await queue.handle(job).status()


async def test_a_worker_ends_its_jobs_before_it_goes(shop: Path, worker_process: Spawn) -> None:
    job = await enqueue(shop, 0.5)
    worker = worker_process("-m", "mizzen.app", "worker", "shop:app", cwd=shop)
    await worker.wait_for("packing", timeout=20)
    worker.terminate()
    assert await worker.wait(timeout=10) == 0, worker.output
    assert "packed" in worker.output
    assert await status(shop, job) == "done"


async def test_a_job_too_long_for_a_stop_is_left_to_the_next_worker(
    shop: Path, worker_process: Spawn
) -> None:
    (shop / "shop.toml").write_text("[app]\nstop_within = '1s'\n")
    job = await enqueue(shop, 60)
    worker = worker_process("-m", "mizzen.app", "worker", "shop", cwd=shop)
    await worker.wait_for("packing", timeout=20)
    worker.terminate()
    assert await worker.wait(timeout=10) == 0, worker.output
    assert await status(shop, job) == "queued"
    assert "Traceback" not in worker.output


async def test_a_server_answers_runs_jobs_and_stops_on_a_signal(
    shop: Path, worker_process: Spawn
) -> None:
    server = worker_process("-m", "mizzen.app", "server", "shop", "--port", "0", cwd=shop)
    address = await server.wait_for(re.compile(r"shop is at (http://\S+)"), timeout=20)
    answer = await asyncio.to_thread(urllib.request.urlopen, address[1])
    with answer:
        assert answer.read() == b"home"
    job = await enqueue(shop, 0)
    await server.wait_for("packed")
    server.terminate()
    assert await server.wait(timeout=10) == 0, server.output
    assert await status(shop, job) == "done"
    assert "Traceback" not in server.output


async def test_a_port_in_use_is_a_sentence(shop: Path, worker_process: Spawn) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        server = worker_process("-m", "mizzen.app", "server", "shop", "--port", port, cwd=shop)
        assert await server.wait(timeout=20) == 1
    assert server.output.startswith(f"mizzen server: port {port} on 127.0.0.1 is in use")
